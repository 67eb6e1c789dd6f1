import { createHash } from 'node:crypto'
import type { Redis as Client } from 'ioredis'
import type { Clock } from '../../domain/clock.ts'
import type { ComponentState } from '../../domain/ports/components.ts'
import type { OperatorEvents } from '../../domain/ports/operator-events.ts'
import type { Argument, Script, SharedStore } from '../../domain/ports/shared-store.ts'
import { InFlight } from './in-flight.ts'
import type { RedisAddress } from './redis-address.ts'
import { createRedisClient } from './redis-client.ts'

export interface RedisOptions {
  readonly address: RedisAddress
  /** How long a command may be without a reply before Redis is not asked any more, in ms. */
  readonly timeout: number
  readonly clock: Clock
  /** Receives each change once, the first state included. */
  readonly events?: Pick<OperatorEvents, 'sharedStoreChanged'>
}

/** How long the first look may take with all that a connection needs, in ms. */
const FIRST_LOOK = 1_000
/** Between two looks at Redis, in ms. */
const LOOK_WHEN_WELL = 1_000
const LOOK_WHEN_IN_TROUBLE = 250
const PROBE_KEY = 'llm-gateway:probe'
/** Errors that say how Redis is, not what was wrong with a command. */
const TROUBLE = /^(READONLY|OOM|LOADING|MISCONF|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|BUSY|NOAUTH|WRONGPASS|NOPERM)\b/

/** Waits a moment for the first look at Redis. Never rejects: a gateway starts without Redis, too. */
export async function connectRedis(options: RedisOptions): Promise<RedisStore> {
  const store = new RedisStore(await createRedisClient(options.address, options.timeout), options)
  await store.open()
  return store
}

/** A script of ours. */
export function defineScript(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/**
 * The one connection to Redis. From the first sign of trouble on nobody waits for it: commands are answered at once
 * with undefined, and only a look in the background, which writes something, finds out when it is well again.
 */
export class RedisStore implements SharedStore {
  readonly #client: Client
  readonly #options: RedisOptions
  readonly #inFlight: InFlight
  #well: boolean | undefined
  #message = ''
  /** The last fault of the connection, in the words of the system. */
  #fault = ''
  #failures = 0
  /** Whether the connection was given up and is not closed yet. */
  #leaving = false
  #closed = false
  #stopTimer: (() => void) | undefined

  constructor(client: Client, options: RedisOptions) {
    this.#client = client
    this.#options = options
    this.#inFlight = new InFlight(options.clock, options.timeout, () => this.#silent())
    client.on('error', (error: Error) => {
      this.#fault = faultOf(error)
    })
    client.on('close', () => {
      this.#leaving = false
      this.#trouble(this.#fault || 'the connection was closed')
    })
    client.on('ready', () => void this.#look())
  }

  get available(): boolean {
    return this.#well === true
  }

  get failures(): number {
    return this.#failures
  }

  /** How many commands wait for their replies. */
  get waiting(): number {
    return this.#inFlight.size
  }

  state(): ComponentState {
    return { name: 'redis', healthy: this.available, message: this.#message }
  }

  async open(): Promise<void> {
    const { clock, timeout } = this.#options
    const connected = this.#client.connect().then(
      () => this.#look(),
      () => {},
    )
    await new Promise<void>((resolve) => {
      const stop = clock.after(Math.max(FIRST_LOOK, timeout), resolve)
      void connected.then(() => {
        stop()
        resolve()
      })
    })
    if (this.#well === undefined) this.#trouble(this.#fault || 'it does not answer')
    this.#lookLater()
  }

  async send(command: string, args: readonly Argument[]): Promise<unknown> {
    if (!this.available) return undefined
    const reply = await this.#ask(command, args)
    return reply instanceof Error ? undefined : reply
  }

  async run({ lua, sha }: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    if (!this.available) return undefined
    const rest = [keys.length, ...keys, ...args]
    const reply = await this.#ask('EVALSHA', [sha, ...rest])
    if (!(reply instanceof Error)) return reply
    return reply.message.startsWith('NOSCRIPT') ? this.send('EVAL', [lua, ...rest]) : undefined
  }

  /** Hands over what was sent, and asks no more. */
  close(): void {
    this.#closed = true
    this.#stopTimer?.()
    this.#well = false
    this.#inFlight.abandon()
    this.#client.disconnect()
  }

  /** Settles with the reply, an Error that Redis replied with, or undefined when there is no reply in time. */
  #ask(command: string, args: readonly Argument[]): Promise<unknown> {
    return new Promise((resolve) => {
      let isOver = false
      const settle = this.#inFlight.add((reply) => {
        isOver = true
        if (reply === undefined) this.#failures++
        resolve(reply)
      })
      this.#client.callBuffer(command, ...args).then(settle, (error: Error) => {
        // How a command fails that was given up says nothing of how Redis is by now.
        if (!isOver) settle(this.#failed(error))
      })
    })
  }

  /** An error that Redis replied with is a reply; one of the connection is none. */
  #failed(error: Error): Error | undefined {
    if (error.name !== 'ReplyError') {
      this.#trouble(this.#fault || faultOf(error))
      return undefined
    }
    // After a failover the old master refuses to write: a new connection asks anew who the master is.
    if (error.message.startsWith('READONLY')) this.#reconnect()
    // In trouble all that wait are given up and counted, this command among them.
    if (TROUBLE.test(error.message)) this.#trouble(faultOf(error))
    else if (!error.message.startsWith('NOSCRIPT')) this.#failures++
    return error
  }

  /** Writes, so that a Redis that only reads, or is full, is not taken for well. */
  async #look(): Promise<void> {
    const reply = await this.#ask('SET', [PROBE_KEY, '1', 'PX', 10_000])
    // What a connection that was given up still answers tells nothing of the next one.
    if (this.#closed || this.#leaving || reply === undefined || reply instanceof Error) return
    this.#change(true, '')
  }

  #lookLater(): void {
    const { clock } = this.#options
    this.#stopTimer?.()
    if (this.#closed) return
    this.#stopTimer = clock.after(this.available ? LOOK_WHEN_WELL : LOOK_WHEN_IN_TROUBLE, () => {
      void this.#look().then(() => this.#lookLater())
    })
  }

  /** What that connection still brings would come too late: another one is made. */
  #silent(): void {
    this.#trouble(`no answer within ${this.#options.timeout} ms`)
    this.#reconnect()
  }

  #reconnect(): void {
    if (this.#leaving || this.#client.status !== 'ready') return
    this.#leaving = true
    this.#client.disconnect(true)
  }

  #trouble(reason: string): void {
    if (this.#closed) return
    this.#change(false, `Redis is in trouble (${reason}).`)
    this.#inFlight.abandon()
  }

  #change(well: boolean, message: string): void {
    this.#message = message
    if (this.#well === well) return
    this.#well = well
    if (well) this.#fault = ''
    else this.#lookLater()
    this.#options.events?.sharedStoreChanged(this.state())
  }
}

/** The system's code or the first word of Redis' error: whoever asks for the health need not know addresses. */
function faultOf(error: Error & { readonly code?: unknown }): string {
  if (error.name === 'ReplyError') return error.message.split(' ', 1)[0] ?? ''
  return typeof error.code === 'string' ? error.code : 'no connection'
}
