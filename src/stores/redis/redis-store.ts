import { createHash } from 'node:crypto'
import type { Redis as Client } from 'ioredis'
import type { Clock } from '../../domain/clock.ts'
import type { ComponentState } from '../../domain/ports/operations/components.ts'
import type { OperatorEvents } from '../../domain/ports/operations/operator-events.ts'
import type { Argument, Script, SharedStore } from '../../domain/ports/shared-store.ts'
import { InFlight } from './in-flight.ts'
import type { RedisAddress } from './redis-address.ts'
import { createRedisClient } from './redis-client.ts'

export interface RedisOptions {
  readonly address: RedisAddress
  /** How long a command may wait for its reply before Redis counts as unavailable, in ms. */
  readonly timeout: number
  readonly clock: Clock
  /** Receives each change once, the first state included. */
  readonly events?: Pick<OperatorEvents, 'sharedStoreChanged'>
}

/** Time for the first probe, the connection included, in ms. */
const FIRST_PROBE_TIMEOUT = 1_000
/** Time between two probes, in ms. */
const PROBE_INTERVAL = 1_000
const PROBE_INTERVAL_UNAVAILABLE = 250
/** Two keys as calls use them: in a cluster they are on different servers. */
const PROBE_KEYS = ['llm-gateway:probe', 'llm-gateway:probe:other']
/** Runs what calls run: a script, with several keys, that reads and writes. */
const probeScript = defineScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', 10000)
redis.call('HSET', KEYS[2], 'at', ARGV[1])
redis.call('PEXPIRE', KEYS[2], 10000)
return redis.call('GET', KEYS[1])
`)
/** Errors about Redis or what it may run for the gateway, not about one command. */
const UNAVAILABLE =
  /^(READONLY|OOM|LOADING|MISCONF|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|BUSY|NOAUTH|WRONGPASS|NOPERM|CROSSSLOT|MOVED|ASK|TRYAGAIN|ERR unknown command)\b/

/** Waits a moment for the first probe. Never rejects: a gateway starts without Redis, too. */
export async function connectRedis(options: RedisOptions): Promise<RedisStore> {
  const store = new RedisStore(await createRedisClient(options.address, options.timeout), options)
  await store.open()
  return store
}

export function defineScript(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/**
 * The only connection to Redis. After the first failure no call waits for it: commands return undefined at once, and a
 * probe in the background, which writes something, finds out when Redis is available again.
 */
export class RedisStore implements SharedStore {
  readonly #client: Client
  readonly #options: RedisOptions
  readonly #inFlight: InFlight
  /** Undefined before the first probe. */
  #available: boolean | undefined
  #message = ''
  /** Code of the last connection error. */
  #fault = ''
  #failures = 0
  /** Whether the connection is being closed because it is no longer used. */
  #disconnecting = false
  #closed = false
  #stopTimer: (() => void) | undefined

  constructor(client: Client, options: RedisOptions) {
    this.#client = client
    this.#options = options
    this.#inFlight = new InFlight(options.clock, options.timeout, () => this.#timedOut())
    client.on('error', (error: Error) => {
      this.#fault = faultOf(error)
    })
    client.on('close', () => {
      this.#disconnecting = false
      this.#fail(this.#fault || 'the connection was closed')
    })
    client.on('ready', () => void this.#probe())
  }

  get available(): boolean {
    return this.#available === true
  }

  get failures(): number {
    return this.#failures
  }

  /** Number of commands that wait for their replies. */
  get waiting(): number {
    return this.#inFlight.size
  }

  state(): ComponentState {
    return { name: 'redis', healthy: this.available, message: this.#message }
  }

  async open(): Promise<void> {
    const { clock, timeout } = this.#options
    const connected = this.#client.connect().then(
      () => this.#probe(),
      () => {},
    )
    await new Promise<void>((resolve) => {
      const stop = clock.after(Math.max(FIRST_PROBE_TIMEOUT, timeout), resolve)
      void connected.then(() => {
        stop()
        resolve()
      })
    })
    if (this.#available === undefined) this.#fail(this.#fault || 'no reply')
    this.#probeLater()
  }

  async send(command: string, args: readonly Argument[]): Promise<unknown> {
    if (!this.available) return undefined
    const reply = await this.#request(command, args)
    return reply instanceof Error ? undefined : reply
  }

  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    if (!this.available) return undefined
    const reply = await this.#evaluate(script, keys, args)
    return reply instanceof Error ? undefined : reply
  }

  close(): void {
    this.#closed = true
    this.#stopTimer?.()
    this.#available = false
    this.#inFlight.abandon()
    this.#client.disconnect()
  }

  async #evaluate({ lua, sha }: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args]
    const reply = await this.#request('EVALSHA', [sha, ...rest])
    const isUnknown = reply instanceof Error && reply.message.startsWith('NOSCRIPT')
    return isUnknown ? this.#request('EVAL', [lua, ...rest]) : reply
  }

  /** Settles with the reply, an error reply as an Error, or undefined when there is no reply in time. */
  #request(command: string, args: readonly Argument[]): Promise<unknown> {
    return new Promise((resolve) => {
      let isSettled = false
      const settle = this.#inFlight.add((reply) => {
        isSettled = true
        if (reply === undefined) this.#failures++
        resolve(reply)
      })
      this.#client.callBuffer(command, ...args).then(settle, (error: Error) => {
        // The late failure of a command that timed out says nothing about Redis now.
        if (!isSettled) settle(this.#failed(error))
      })
    })
  }

  /** Returns an error reply; undefined for an error of the connection, which is no reply. */
  #failed(error: Error): Error | undefined {
    if (error.name !== 'ReplyError') {
      this.#fail(this.#fault || faultOf(error))
      return undefined
    }
    // After a failover the old master refuses writes: a new connection looks up the master again.
    if (error.message.includes('READONLY')) this.#reconnect()
    // Failing settles and counts all waiting commands, this one included.
    if (UNAVAILABLE.test(error.message)) this.#fail(faultOf(error))
    else if (!error.message.startsWith('NOSCRIPT')) this.#failures++
    return error
  }

  /** Runs what calls run, so that a Redis that refuses it does not count as available. */
  async #probe(): Promise<void> {
    const { db } = this.#options.address
    if (db !== 0) {
      // The client goes on in database 0 where its own does not exist.
      const selected = await this.#request('SELECT', [db])
      if (selected instanceof Error) this.#fail(`database ${db} cannot be used`)
      if (selected === undefined || selected instanceof Error) return
    }
    const reply = await this.#evaluate(probeScript, PROBE_KEYS, ['1'])
    // A late reply over a closed connection says nothing about the next one.
    if (this.#closed || this.#disconnecting || reply === undefined) return
    if (reply instanceof Error) this.#fail(faultOf(reply))
    else this.#change(true, '')
  }

  #probeLater(): void {
    const { clock } = this.#options
    this.#stopTimer?.()
    if (this.#closed) return
    this.#stopTimer = clock.after(this.available ? PROBE_INTERVAL : PROBE_INTERVAL_UNAVAILABLE, () => {
      void this.#probe().then(() => this.#probeLater())
    })
  }

  /** Replies over this connection would come too late, so another one is opened. */
  #timedOut(): void {
    this.#fail(`no reply within ${this.#options.timeout} ms`)
    this.#reconnect()
  }

  #reconnect(): void {
    if (this.#disconnecting || this.#client.status !== 'ready') return
    this.#disconnecting = true
    this.#client.disconnect(true)
  }

  #fail(reason: string): void {
    if (this.#closed) return
    this.#change(false, `Redis is unavailable (${reason}).`)
    this.#inFlight.abandon()
  }

  #change(available: boolean, message: string): void {
    this.#message = message
    if (this.#available === available) return
    this.#available = available
    if (available) this.#fault = ''
    else this.#probeLater()
    this.#options.events?.sharedStoreChanged(this.state())
  }
}

/** The system's code or the first word of the error reply: health responses must not contain addresses. */
function faultOf(error: Error & { readonly code?: unknown }): string {
  if (error.name === 'ReplyError') {
    const [, command] = /^ERR unknown command ['`]?(\w{1,20})/.exec(error.message) ?? []
    return command ? `no ${command} command` : (error.message.split(' ', 1)[0] ?? '')
  }
  return typeof error.code === 'string' ? error.code : 'no connection'
}
