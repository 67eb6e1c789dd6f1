import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Budget, LlmGatewayAdmin, Role } from '../../src/domain/types.ts'
import { type GatewayOptions, type RunningGateway, startGateway } from './gateway.ts'
import { GrpcClient } from './grpc-client.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { startProxy, type TcpProxy } from './tcp-proxy.ts'
import { startTokenUpstream, type TokenUpstream } from './token-upstream.ts'

/** USD of one output token; the input is free. */
export const TOKEN = 0.001
/** Output tokens of each call. */
export const LENGTH = 50
/** Hash of the leases of all gateways. */
const LEASES = '{llm-gateway:budgets}:leases'

export const asking = { maxTokens: LENGTH, messages: [{ role: Role.USER, content: String(LENGTH) }] }

export interface ClusterOptions {
  /** Calls that the budget bears. */
  readonly calls: number
  readonly replicas?: number
  /** Whether each gateway has a ledger on disk. Default: in memory. */
  readonly kept?: boolean
  /** Address of a Postgres that is the ledger of all of them. */
  readonly postgres?: string
  /** Further budgets, entries of a YAML list. */
  readonly more?: string
  /** Whether each gateway reaches Redis by a proxy of its own. */
  readonly proxied?: boolean
  /** Whether `pass` moves the clocks of the gateways. */
  readonly movableTime?: boolean
  /** How long gateways wait for Redis, by their clocks. Default: 1s. */
  readonly timeout?: string
}

export interface Replica {
  gateway: RunningGateway
  client: GrpcClient
  readonly proxy: TcpProxy | undefined
}

/** Gateways on one Redis with one budget, named `all`, for calls that cost the same. */
export class BudgetCluster {
  readonly redis: RedisServer
  readonly upstream: TokenUpstream
  readonly replicas: Replica[] = []
  readonly #options: ClusterOptions
  readonly #folder = mkdtempSync(join(tmpdir(), 'llm-gateway-budgets-'))

  private constructor(redis: RedisServer, upstream: TokenUpstream, options: ClusterOptions) {
    this.redis = redis
    this.upstream = upstream
    this.#options = options
  }

  static async start(options: ClusterOptions): Promise<BudgetCluster> {
    const cluster = new BudgetCluster(await startRedis(), await startTokenUpstream(), options)
    const { replicas = 3, proxied } = options
    const proxies = await Promise.all(
      Array.from({ length: replicas }, () => (proxied ? startProxy(cluster.redis.port) : undefined)),
    )
    cluster.replicas.push(...(await Promise.all(proxies.map((proxy, at) => cluster.#start(at, proxy)))))
    return cluster
  }

  /** Calls that were charged by the vendor. */
  get charged(): number {
    return this.upstream.generated() / LENGTH
  }

  replica(at: number): Replica {
    const replica = this.replicas[at]
    if (!replica) throw new Error(`there is no replica ${at}`)
    return replica
  }

  async kill(at: number): Promise<void> {
    const { gateway, client } = this.replica(at)
    await gateway.close()
    client.close()
  }

  /** After a kill. */
  async restart(at: number): Promise<void> {
    this.replicas[at] = await this.#start(at, this.replica(at).proxy)
  }

  /** Ends the leases of gateways that were killed, as time does. */
  async endLeases(): Promise<void> {
    const redis = await this.redis.client()
    for (const name of Object.keys(await redis.hgetall(LEASES))) await redis.hset(LEASES, name, '1')
  }

  /** What a replica knows of the budget. */
  async budget(at = 0): Promise<Budget> {
    const { value, error } = await this.replica(at).client.unary(LlmGatewayAdmin.method.listBudgets, { name: 'all' })
    const [budget] = value?.budgets ?? []
    if (!budget) throw new Error(`ListBudgets: ${error?.message}`)
    return budget
  }

  async close(): Promise<void> {
    for (const { client } of this.replicas) client.close()
    await Promise.all(this.replicas.map(({ gateway }) => gateway.close()))
    await Promise.all(this.replicas.map(({ proxy }) => proxy?.close()))
    await this.upstream.close()
    await this.redis.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #start(at: number, proxy: TcpProxy | undefined): Promise<Replica> {
    const gateway = await startGateway(this.#gatewayOptions(at, proxy))
    return { gateway, client: new GrpcClient(gateway.grpc), proxy }
  }

  #gatewayOptions(at: number, proxy: TcpProxy | undefined): GatewayOptions {
    const { calls, kept = false, postgres, more = '', movableTime = false, timeout = '1s' } = this.#options
    const folder = `folder: "${join(this.#folder, String(at))}"`
    const ledger = postgres ? `url: "${postgres}", ${folder}` : kept ? folder : 'url: memory'
    return {
      movableTime,
      yaml: `
auth: none
redis: { url: "redis://127.0.0.1:${proxy?.port ?? this.redis.port}", timeout: ${timeout} }
ledger: { ${ledger} }
providers:
  vendor: { kind: openai-compatible, base_url: "${this.upstream.url}", default_model: m, max_concurrent: 2000 }
prices: { vendor/m: { input: 0, output: ${TOKEN * 1e6} } }
budgets: { list: [{ name: all, scope: global, limit_usd: ${calls * LENGTH * TOKEN}, window: month }${more}] }
`,
    }
  }
}
