import { crc32 } from 'node:zlib'
import type { Charge } from '../../../domain/ports/money/ledger.ts'
import type { UsageState } from '../../../domain/types.ts'
import type { ChargeEntry, HitsEntry, JournalEntry } from './entry.ts'

/*
 * A line is the CRC-32 of a JSON array in eight hexadecimal digits, a blank, the array and a newline. The fields have
 * their places for ever: a new one is appended, so that a journal of an older gateway can still be read. Numbers that
 * are not known, and whatever a line is too short for, are null.
 */

const KINDS = { i: 'intent', s: 'settled', f: 'final' } as const
const LETTERS = { intent: 'i', settled: 's', final: 'f', hits: 'h' } as const

type Maybe<T> = T | undefined | null
type ChargeFields = readonly [
  letter: keyof typeof KINDS,
  callId: string,
  attempt: number,
  part: number,
  time: number,
  operation: string,
  caller: string,
  userId: string,
  sessionId: string,
  labels: Readonly<Record<string, string>>,
  alias: string,
  provider: string,
  model: string,
  keyId: string,
  priceVersion: string,
  state: UsageState,
  /** Input, output, cached input, cache write, reasoning. */
  tokens: readonly Maybe<number>[],
  /** Nano-dollars; the last is 1 where the price of the service tier is not known. */
  cost: readonly [input: number, output: number, tierUnknown?: 1] | null,
  saved: Maybe<number>,
  code: number,
  reason: string,
  upstreamLatency: number,
  ending: readonly [code: number, reason: string, latency: number] | null,
  shares: readonly (readonly [budget: string, subject: string, windowStart: number, nano: number])[],
]
type HitsFields = readonly [
  letter: 'h',
  time: number,
  operation: string,
  caller: string,
  userId: string,
  alias: string,
  provider: string,
  model: string,
  hits: number,
  saved: number,
]

/** Length of the checksum and the blank after it. */
const HEAD = 9

/** The line of an entry, with its newline. */
export function encodeEntry(entry: JournalEntry): string {
  const json = JSON.stringify(entry.kind === 'hits' ? hitsFields(entry) : chargeFields(entry))
  return `${checksum(json)} ${json}\n`
}

/** The entry of a line without its newline; undefined for a line that is damaged. */
export function decodeEntry(line: string): JournalEntry | undefined {
  const json = line.slice(HEAD)
  if (line[HEAD - 1] !== ' ' || line.slice(0, HEAD - 1) !== checksum(json)) return undefined
  try {
    // The checksum vouches for the shape.
    return readFields(JSON.parse(json) as ChargeFields | HitsFields)
  } catch {
    return undefined
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}

function chargeFields({ kind, charge: { facts, outcome, ending, shares } }: ChargeEntry): ChargeFields {
  const { tokens, cost } = outcome
  return [
    LETTERS[kind],
    facts.callId,
    facts.attempt,
    facts.part,
    facts.time,
    facts.operation,
    facts.caller,
    facts.userId,
    facts.sessionId,
    facts.labels,
    facts.alias,
    facts.provider,
    facts.model,
    facts.keyId,
    facts.priceVersion,
    outcome.state,
    [tokens.input, tokens.output, tokens.cachedInput, tokens.cacheWrite, tokens.reasoning],
    cost ? (cost.tierUnknown ? [cost.input, cost.output, 1] : [cost.input, cost.output]) : null,
    outcome.saved,
    outcome.code,
    outcome.reason,
    outcome.upstreamLatency,
    ending ? [ending.code, ending.reason, ending.latency] : null,
    shares.map(({ budget, subject, windowStart, nano }) => [budget, subject, windowStart, nano] as const),
  ]
}

function hitsFields(entry: HitsEntry): HitsFields {
  const { time, operation, caller, userId, alias, provider, model, hits, saved } = entry
  return [LETTERS.hits, time, operation, caller, userId, alias, provider, model, hits, saved]
}

function readFields(fields: ChargeFields | HitsFields): JournalEntry | undefined {
  if (fields[0] === LETTERS.hits) return readHits(fields)
  const kind = KINDS[fields[0]]
  return kind && { kind, charge: readCharge(fields) }
}

function readHits([, time, operation, caller, userId, alias, provider, model, hits, saved]: HitsFields): HitsEntry {
  return { kind: 'hits', time, operation, caller, userId, alias, provider, model, hits, saved }
}

function readCharge(fields: ChargeFields): Charge {
  const [, callId, attempt, part, time, operation, caller, userId, sessionId, labels, ...others] = fields
  const [alias, provider, model, keyId, priceVersion, state, tokens, cost, saved, code, reason, ...end] = others
  const [upstreamLatency, ending, shares] = end
  const [input, output, cachedInput, cacheWrite, reasoning] = tokens.map(known)
  const who = { caller, userId, sessionId, labels }
  return {
    facts: { callId, attempt, part, time, operation, ...who, alias, provider, model, keyId, priceVersion },
    outcome: {
      state,
      tokens: { input, output, cachedInput, cacheWrite, reasoning },
      cost: cost ? { input: cost[0], output: cost[1], ...(cost[2] && { tierUnknown: true }) } : undefined,
      saved: known(saved),
      code,
      reason,
      upstreamLatency,
    },
    ending: ending ? { code: ending[0], reason: ending[1], latency: ending[2] } : undefined,
    shares: shares.map(([budget, subject, windowStart, nano]) => ({ budget, subject, windowStart, nano })),
  }
}

function known<T>(value: Maybe<T>): T | undefined {
  return value ?? undefined
}
