import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LlmGatewayAdmin, Role, type UsageRecord, UsageState } from '../../src/domain/types.ts'
import { chat, streamChat } from '../support/client.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { startPostgres } from '../support/postgres.ts'
import { postgresFolder } from '../support/postgres-test.ts'
import {
  begin,
  chatBody,
  DONE,
  delta,
  type Exchange,
  json,
  STOP,
  startUpstream,
  USAGE,
} from '../support/upstream-server.ts'
import type { Figures, Promised } from './figures.ts'
import { stalledWrites } from './stalled-writes.ts'
import { until } from './streams.ts'

/** Calls under way at once. */
const PARALLEL = 16
/** A gateway is killed at a random moment within so many ms after its first answers. */
const KILLED_WITHIN = 400
const PAGE = 1_000

/** What a gateway that is killed under load leaves in its ledger. */
export const ledger: Promised = {
  name: 'ledger',
  async measure(short) {
    const rounds = short ? 3 : 50
    const figures = await kills('SQLite', rounds, undefined)
    if (postgresFolder() !== undefined) {
      const postgres = await startPostgres()
      figures.push(...(await kills('Postgres', rounds, await postgres.createDatabase('ledger'))))
      await postgres.close()
    }
    return [...figures, await stalledWrites()]
  },
}

/** What the vendor and the callers saw of each call, by its user. */
interface Seen {
  /** Requests that reached the vendor. */
  readonly sent: Map<string, number>
  /** Calls whose caller received the end. */
  readonly ended: Set<string>
}

async function kills(name: string, rounds: number, url: string | undefined): Promise<Figures[]> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-ledger-'))
  const seen: Seen = { sent: new Map(), ended: new Set() }
  const upstream = await startUpstream((exchange) => {
    const user = questionOf(exchange)
    seen.sent.set(user, (seen.sent.get(user) ?? 0) + 1)
    answerSoon(exchange)
  })
  const yaml = `
    providers: { vendor: { kind: local, base_url: "${upstream.url}" } }
    prices: { vendor/m: { input: 1, output: 2 } }
    ledger: { folder: "${folder}"${url === undefined ? '' : `, url: "${url}"`} }
  `
  for (let round = 0; round < rounds; round++) await killUnderLoad(await startGateway({ yaml }), round, seen)
  const last = await startGateway({ yaml })
  const records = await recordsOf(last, seen)
  await last.close()
  await upstream.close()
  rmSync(folder, { recursive: true })
  return compare(name, rounds, seen, records)
}

/** The text of the only message, which is the name of the user. */
function questionOf({ hit }: Exchange): string {
  const { messages } = hit.json as { messages?: readonly { content: string }[] } // sent by the gateway
  return messages?.[0]?.content ?? ''
}

/** Half at once, half in a moment, so that there is always something in flight. */
function answerSoon(exchange: Exchange): void {
  const { response, hit } = exchange
  const wait = Math.random() < 0.5 ? 0 : Math.random() * 100
  const isStream = hit.json['stream'] === true
  if (isStream) begin(delta('hello'))(exchange)
  setTimeout(() => {
    if (response.destroyed) return
    if (!isStream) json(chatBody('hello'))(exchange)
    else response.end([STOP, USAGE, DONE].join(''))
  }, wait)
}

async function killUnderLoad(gateway: RunningGateway, round: number, seen: Seen): Promise<void> {
  const client = new GrpcClient(gateway.grpc)
  const before = seen.ended.size
  let isRunning = true
  const work = async (worker: number) => {
    for (let number = 0; isRunning; number++) {
      const userId = `${round}.${worker}.${number}`
      const request = { model: 'vendor/m', userId, messages: [{ role: Role.USER, content: userId }] }
      const { error } = number % 2 === 0 ? await chat(client, request) : await streamChat(client, request)
      if (!error) seen.ended.add(userId)
    }
  }
  const workers = Array.from({ length: PARALLEL }, (_, worker) => work(worker))
  await until('calls that end', () => seen.ended.size > before + PARALLEL)
  await new Promise((resolve) => setTimeout(resolve, Math.random() * KILLED_WITHIN))
  isRunning = false
  await gateway.close()
  await Promise.all(workers)
  client.close()
}

/** All records, once every call that was sent has one, or nothing more comes. */
async function recordsOf(gateway: RunningGateway, seen: Seen): Promise<UsageRecord[]> {
  const client = new GrpcClient(gateway.grpc)
  let records: UsageRecord[] = []
  let before = -1
  await until('a record of every request', async () => {
    before = records.length
    records = await allRecords(client)
    return records.length === before && records.length >= seen.sent.size
  })
  client.close()
  return records
}

async function allRecords(client: GrpcClient): Promise<UsageRecord[]> {
  const records: UsageRecord[] = []
  let pageToken = ''
  do {
    const { value, error } = await client.unary(LlmGatewayAdmin.method.listUsage, { pageSize: PAGE, pageToken })
    if (!value) throw new Error(`ListUsage: ${error?.message}`)
    records.push(...value.records)
    pageToken = value.nextPageToken
  } while (pageToken !== '')
  return records
}

function compare(name: string, rounds: number, seen: Seen, records: readonly UsageRecord[]): Figures[] {
  const byUser = new Map<string, UsageRecord[]>()
  for (const record of records) byUser.set(record.userId, [...(byUser.get(record.userId) ?? []), record])
  const users = [...seen.sent.keys()]
  const isWhole = (user: string) => {
    const [record] = byUser.get(user) ?? []
    return record?.state === UsageState.SETTLED && record.final && record.cost !== undefined
  }
  const lost = users.filter((user) => !byUser.has(user)).length
  const twice = [...byUser.values()].filter((each) => each.length > 1).length
  const incomplete = [...seen.ended].filter((user) => !isWhole(user)).length
  const open = users.filter((user) => !seen.ended.has(user))
  const unknown = open.filter((user) => byUser.get(user)?.[0]?.state === UsageState.UNKNOWN).length
  const settled = open.filter(isWhole).length
  const when = `${rounds} kills under load, ${name}`
  return [
    {
      promise: `${when}: every request that the vendor saw has one record, and every call that ended its cost`,
      measured: `${users.length} requests: ${lost} lost, ${twice} twice; ${seen.ended.size} ended calls: ${incomplete} incomplete`,
      holds: lost + twice + incomplete === 0,
    },
    {
      promise: `${when}: what was in flight is UNKNOWN, or settled if it had ended before its caller knew`,
      measured: `${open.length} in flight: ${unknown} UNKNOWN, ${settled} settled`,
      holds: unknown + settled === open.length && open.length > 0,
    },
  ]
}
