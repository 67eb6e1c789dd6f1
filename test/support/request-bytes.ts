import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { HealthCheckService, LlmGateway, LlmGatewayAdmin } from '../../src/domain/types.ts'
import { decidingBytes } from '../../src/policies/cache/key.ts'
import { type CheckProto, protoCheck } from '../../src/server/codec/check-proto.ts'
import { mutator } from './mutator.ts'
import { randomFrom } from './random.ts'
import { isPackable, randomProto, wireTypeOf } from './random-proto.ts'

/*
 * What must hold of any bytes that the check of requests accepts, tried on random messages of every request type and on
 * damaged ones.
 */

export const requestTypes: readonly DescMessage[] = [
  ...new Set([LlmGateway, LlmGatewayAdmin, HealthCheckService].flatMap(({ methods }) => methods.map((m) => m.input))),
]

export interface Tried {
  accepted: number
  refused: number
}

/** Throws at the first bytes for which something does not hold. */
export function tryRequests(count: number, seed: number): Tried {
  const random = randomFrom(seed)
  const mutate = mutator(seed)
  const checks = new Map(requestTypes.map((desc) => [desc, protoCheck(desc)]))
  const tried = { accepted: 0, refused: 0 }
  const reading = countReads()
  try {
    for (let index = 0; index < count; index++) {
      // Requests without fields are soon exhausted.
      const desc = requestTypes[random(requestTypes.length)] ?? LlmGateway.method.chat.input
      const check = checks.get(desc)
      if (!check) throw new Error(`no check of ${desc.typeName}`)
      const made = randomProto(desc, random, 2 + random(3))
      const bytes = random(3) === 0 ? mutate(made) : made
      const parts = accepted(check, bytes)
      if (parts === undefined) tried.refused++
      else {
        tried.accepted++
        holdsOf(desc, bytes, parts, reading)
      }
    }
  } finally {
    reading.stop()
  }
  return tried
}

/** How many parts were counted; undefined if the bytes were refused. */
function accepted(check: CheckProto, bytes: Buffer): number | undefined {
  try {
    return check(bytes)
  } catch (error) {
    if (error instanceof GatewayError && error.reason === 'INVALID_REQUEST') return undefined
    throw error
  }
}

function holdsOf(desc: DescMessage, bytes: Buffer, parts: number, reading: Reading): void {
  const wrong = (what: string) => new Error(`${desc.typeName} ${bytes.toString('hex')}: ${what}`)
  reading.start()
  const message = fromBinary(desc, bytes)
  reading.stop()
  const decoded = reading.fields + packedNumbers(desc, new BinaryReader(bytes), bytes.length)
  if (decoded !== parts) throw wrong(`${parts} parts counted, ${decoded} decoded`)
  const deciding = Buffer.concat(decidingBytes(bytes))
  if (!canonical(desc, fromBinary(desc, deciding)).equals(canonical(desc, message))) {
    throw wrong(`its key is made of ${deciding.toString('hex')}, which is another message`)
  }
}

/** A message as bytes, without the fields that its key is not made of. Changes the message. */
function canonical(desc: DescMessage, message: Message): Buffer {
  const fields = reflect(desc, message)
  for (const field of desc.fields) if (isNeutral(field.number)) fields.clear(field)
  if (message.$unknown) message.$unknown = message.$unknown.filter(({ no }) => !isNeutral(no))
  return Buffer.from(toBinary(desc, message))
}

/** Fields of these numbers cannot change an answer, and are left out of every key. */
function isNeutral(number: number): boolean {
  return number >= 20 && number <= 23
}

/** How many numbers the packed lists of a valid message have. */
function packedNumbers(desc: DescMessage, reader: BinaryReader, end: number): number {
  let count = 0
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    const field = desc.fields.find((candidate) => candidate.number === number)
    if (!field || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, number)
      continue
    }
    const length = reader.uint32()
    const fieldEnd = reader.pos + length
    if (field.fieldKind === 'map') count += packedInEntry(field.message, reader, fieldEnd)
    else if (field.message) count += packedNumbers(field.message, reader, fieldEnd)
    else if (isPackable(field)) {
      for (; reader.pos < fieldEnd; count++) reader.skip(wireTypeOf(field.scalar), number)
    }
    reader.pos = fieldEnd
  }
  return count
}

function packedInEntry(value: DescMessage | undefined, reader: BinaryReader, end: number): number {
  let count = 0
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number !== 2 || !value) reader.skip(wireType, number)
    else {
      const length = reader.uint32()
      count += packedNumbers(value, reader, reader.pos + length)
    }
  }
  return count
}

interface Reading {
  fields: number
  start(): void
  stop(): void
}

/** Counts the fields that the decoder reads. */
function countReads(): Reading {
  const { tag } = BinaryReader.prototype
  const reading: Reading = {
    fields: 0,
    start() {
      reading.fields = 0
      BinaryReader.prototype.tag = function () {
        reading.fields++
        return tag.call(this)
      }
    },
    stop() {
      BinaryReader.prototype.tag = tag
    },
  }
  return reading
}
