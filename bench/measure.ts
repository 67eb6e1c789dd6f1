import { load } from './load.ts'
import { probe } from './probe.ts'
import type { Row } from './rows.ts'
import { TEXT_EVENTS } from './servers/replies.ts'
import type { Subject, Upstream } from './world.ts'

/** What is spent on each row. */
export interface Effort {
  /** Pairs of processes, each new: two of the same program differ by some percent for as long as they live. */
  readonly processes: number
  /** Rounds of each pair, and the part of a row's calls that each of them makes. */
  readonly rounds: number
  readonly share: number
  /** Rounds of all of a row's calls before it is measured. */
  readonly warmUps: number
  /** Calls one after another, for latencies. */
  readonly singles: number
}

export interface Cost {
  /** In microseconds for a call, event or item: medians. */
  readonly reference: number
  readonly gateway: number
  /** Calls per second: medians. */
  readonly rates: { readonly reference: number; readonly gateway: number }
  /** Ratio of each round, each pair on its own. */
  readonly ratios: readonly number[]
  /** Of the least that each took: whatever disturbs a machine only adds. */
  readonly leastRatio: number
}

/** One round of both. */
export interface Round {
  readonly reference: Load
  readonly gateway: Load
}

interface Load {
  /** CPU time in microseconds for a call or event. */
  readonly cost: number
  /** Calls per second. */
  readonly rate: number
}

export interface Garbage {
  /** Pauses of the collector in microseconds for a call or event. */
  readonly pause: number
  /** Bytes that outlived the young generation, for a call or event. */
  readonly survived: number
}

/** In ms, with one call in flight. */
export interface Latency {
  readonly p50: number
  readonly p99: number
}

/** Compares two servers under one row's load. Throws when a call is not answered as it should be. */
export class Comparison {
  readonly #row: Row
  readonly #reference: Subject
  readonly #gateway: Subject
  readonly #upstream: Upstream
  readonly #effort: Effort
  readonly #folder: string
  readonly #replyBytes = new Map<Subject, number>()

  constructor(row: Row, reference: Subject, gateway: Subject, upstream: Upstream, effort: Effort, folder: string) {
    this.#row = row
    this.#reference = reference
    this.#gateway = gateway
    this.#upstream = upstream
    this.#effort = effort
    this.#folder = folder
  }

  /** Makes both ready: code that was run too seldom is not compiled yet. */
  async warmUp(): Promise<void> {
    for (const subject of [this.#reference, this.#gateway]) {
      // What is asked for the first time is not known yet.
      await probe(subject.port, this.#row.method, this.#row.request)
      this.#replyBytes.set(subject, await probe(subject.port, this.#row.method, this.#row.request))
      for (let round = 0; round < this.#effort.warmUps; round++) await this.#load(subject, 1)
    }
  }

  async rounds(): Promise<Round[]> {
    const rounds: Round[] = []
    for (let round = 0; round < this.#effort.rounds; round++) {
      rounds.push({ reference: await this.#load(this.#reference), gateway: await this.#load(this.#gateway) })
    }
    return rounds
  }

  /** In a round of its own, because looking costs time. */
  async garbage(): Promise<{ reference: Garbage; gateway: Garbage }> {
    return { reference: await this.#garbage(this.#reference), gateway: await this.#garbage(this.#gateway) }
  }

  async latency(): Promise<{ reference: Latency; gateway: Latency }> {
    return { reference: await this.#latency(this.#reference), gateway: await this.#latency(this.#gateway) }
  }

  async #garbage(subject: Subject): Promise<Garbage> {
    // A server that stood idle has made its young generation small, and enlarges it under load.
    await this.#load(subject, 1)
    await subject.server.ask('start')
    const { units } = await this.#load(subject)
    const { pause, survived } = await subject.server.ask<Garbage>('stop')
    return { pause: pause / units, survived: survived / units }
  }

  async #latency({ port }: Subject): Promise<Latency> {
    const { method, request } = this.#row
    const { singles: calls } = this.#effort
    const one = { port, method, request, connections: 1, streams: 1, folder: this.#folder }
    const { latencies } = await load({ ...one, calls })
    return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) }
  }

  /** One round. `units` are the calls or events that were answered. */
  async #load(subject: Subject, share = this.#effort.share): Promise<Load & { units: number }> {
    const { method, request, connections, streams, unit, upstream, items = 1 } = this.#row
    const inFlight = connections * streams
    const calls = Math.max(inFlight, Math.round((this.#row.calls * share) / inFlight) * inFlight)
    const counts = async () => ({ answered: await subject.answered(), served: await this.#upstream.served() })
    const before = await counts()
    const cpuBefore = await subject.server.cpu()
    const order = { port: subject.port, method, request, calls, connections, streams, folder: this.#folder }
    const { bytes, rate } = await load(order)
    const cpu = (await subject.server.cpu()) - cpuBefore
    const after = await counts()
    const requests = calls * items
    if (before.answered !== undefined && after.answered !== before.answered + requests) {
      throw new Error(
        `${subject.name}: of ${requests} requests ${(after.answered ?? 0) - before.answered} were answered well`,
      )
    }
    if (upstream && after.served !== before.served + requests) {
      throw new Error(`${subject.name}: of ${requests} requests ${after.served - before.served} reached the upstream`)
    }
    this.#checkBytes(subject, bytes / calls)
    const units = unit === 'event' ? calls * TEXT_EVENTS : requests
    return { cost: cpu / units, rate, units }
  }

  /** h2load does not read gRPC statuses; but an error has no message, so that its reply is shorter than a good one. */
  #checkBytes(subject: Subject, bytes: number): void {
    const expected = this.#replyBytes.get(subject)
    if (expected === undefined || Math.abs(bytes / expected - 1) < 0.03) return
    throw new Error(`${subject.name}: replies have ${bytes.toFixed(0)} bytes, a good one ${expected}`)
  }
}

export function costOf(rounds: readonly Round[]): Cost {
  const of = (take: (round: Round) => number) => median(rounds.map(take))
  const least = (take: (round: Round) => number) => Math.min(...rounds.map(take))
  return {
    reference: of(({ reference }) => reference.cost),
    gateway: of(({ gateway }) => gateway.cost),
    rates: { reference: of(({ reference }) => reference.rate), gateway: of(({ gateway }) => gateway.rate) },
    ratios: rounds.map(({ reference, gateway }) => gateway.cost / reference.cost),
    leastRatio: least(({ gateway }) => gateway.cost) / least(({ reference }) => reference.cost),
  }
}

export function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  )
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}
