import { type DescMessage, fromBinary, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { countValues } from '../../src/domain/parts.ts'
import { type CheckJson, jsonCheck } from '../../src/server/codec/check-json.ts'
import { mutator } from './mutator.ts'
import { randomFrom } from './random.ts'
import { randomProto } from './random-proto.ts'
import { requestTypes, type Tried } from './request-bytes.ts'

/*
 * What must hold of the JSON of requests, tried on random messages of every request type and on damaged ones: the check
 * accepts what the decoder reads, and counts as many values and keys as the parser makes.
 */

type Random = (below: number) => number

/** Throws at the first text for which something does not hold. `accepted`: damaged texts that the parser still reads. */
export function tryJsonRequests(count: number, seed: number): Tried {
  const random = randomFrom(seed)
  const mutate = mutator(seed)
  const checks = new Map(requestTypes.map((desc) => [desc, jsonCheck(desc)]))
  const tried = { accepted: 0, refused: 0 }
  while (tried.accepted + tried.refused < count) {
    const desc = requestTypes[random(requestTypes.length)]
    const check = desc && checks.get(desc)
    const value = desc && randomJson(desc, random)
    if (!check || value === undefined) continue
    const text = Buffer.from(written(value, random))
    holdsOfRequest(desc, check, text, value)
    if (holdsOfAnything(check, mutate(text))) tried.accepted++
    else tried.refused++
  }
  return tried
}

/** The JSON of a random message, at times with a field that it does not have; undefined if the random bytes are none. */
function randomJson(desc: DescMessage, random: Random): JsonValue | undefined {
  try {
    const value = toJson(desc, fromBinary(desc, randomProto(desc, random, 2 + random(3))))
    if (random(3) > 0 || typeof value !== 'object' || value === null) return value
    return { ...value, unknown: [{ a: 1.5, 'b"\\': null }, [], {}, true, 'é"\\'.repeat(random(300))] }
  } catch {
    return undefined
  }
}

/** JSON as a client may write it: with white space, and with escapes that are not needed. */
function written(value: JsonValue, random: Random): string {
  const space = () => ['', '', '', ' ', '\n\t', '\r\n'][random(6)] ?? ''
  const between = (parts: readonly string[]) => parts.map((part) => space() + part + space()).join(',') || space()
  if (typeof value === 'string') return text(value, random)
  if (Array.isArray(value)) return `[${between(value.map((item) => written(item, random)))}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([name, member]) => `${text(name, random)}${space()}:${space()}${written(member, random)}`,
  )
  return `{${between(members)}}`
}

/** A string whose first character may be escaped, if it is one code unit. */
function text(value: string, random: Random): string {
  const plain = JSON.stringify(value)
  const first = value.charCodeAt(0)
  if (random(4) > 0 || !(first >= 0x20 && first < 0xd800) || first === 0x22 || first === 0x5c) return plain
  return `"\\u${first.toString(16).padStart(4, '0')}${plain.slice(2)}`
}

function holdsOfRequest(desc: DescMessage, check: CheckJson, bytes: Buffer, value: JsonValue): void {
  const parsed: JsonValue = JSON.parse(bytes.toString())
  fromJson(desc, parsed, { ignoreUnknownFields: true })
  const counted = check(bytes)
  if (counted !== partsOf(parsed)) throw wrong(bytes, `${counted} parts counted, ${partsOf(parsed)} parsed`)
  if (counted !== partsOf(value)) throw wrong(bytes, `${counted} parts counted, ${partsOf(value)} written`)
}

/** Returns whether the check accepts it, and the parser reads it. */
function holdsOfAnything(check: CheckJson, bytes: Buffer): boolean {
  const counted = accepted(check, bytes)
  const value = parsed(bytes)
  if (value === undefined || counted === undefined) return false
  const there = tokensIn(bytes)
  if (counted !== there) throw wrong(bytes, `${counted} parts counted, ${there} there`)
  // Of a name that is repeated the parser keeps the last value.
  if (counted < partsOf(value)) throw wrong(bytes, `${counted} parts counted, ${partsOf(value)} parsed`)
  const rough = countValues(bytes)
  if (rough < counted) throw wrong(bytes, `${rough} parts counted where a bound is enough, ${counted} there`)
  return true
}

function accepted(check: CheckJson, bytes: Buffer): number | undefined {
  try {
    return check(bytes)
  } catch (error) {
    if (error instanceof GatewayError && error.reason === 'INVALID_REQUEST') return undefined
    throw error
  }
}

function parsed(bytes: Buffer): JsonValue | undefined {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

/** Values and keys of what the parser made. */
function partsOf(value: JsonValue): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + partsOf(item), 1)
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce((sum: number, member) => sum + 1 + partsOf(member), 1)
}

/** Values and keys of a valid text. */
function tokensIn(bytes: Buffer): number {
  return bytes.toString().match(/"(?:[^"\\]|\\.)*"|[{[]|[^\s"{}[\],:]+/g)?.length ?? 0
}

function wrong(bytes: Buffer, what: string): Error {
  return new Error(`${bytes.toString()}: ${what}`)
}
