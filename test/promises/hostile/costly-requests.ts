import type { DescMessage } from '@bufbuild/protobuf'
import { ChatRequestSchema, ClearCacheRequestSchema, EmbedRequestSchema } from '../../../src/domain/types.ts'
import { field, nested, repeated } from './bytes.ts'

/** A request that is as costly as one can be that is accepted. */
export interface CostlyRequest {
  readonly name: string
  readonly desc: DescMessage
  readonly encoding: 'proto' | 'json'
  make(): Buffer
}

/** Default of `server.max_receive_bytes`. */
const LARGEST = 16 * 2 ** 20
const PARTS = 65_536

const chat = (name: string, make: () => Buffer): CostlyRequest => ({
  name,
  desc: ChatRequestSchema,
  encoding: 'proto',
  make,
})
const json = (name: string, make: () => string): CostlyRequest => ({
  name,
  desc: ChatRequestSchema,
  encoding: 'json',
  make: () => Buffer.from(make()),
})

/** A list of values in one entry of `provider_options`: the entry, its key and its value, a field of it, and so on. */
function options(values: Buffer): Buffer {
  const list = field(6, values)
  const entry = Buffer.concat([field(1, 'k'), field(2, list)])
  return field(17, Buffer.concat([field(1, 'p'), field(2, field(1, entry))]))
}

export const costlyRequests: readonly CostlyRequest[] = [
  chat('one text of ASCII', () => field(1, Buffer.alloc(LARGEST - 20, 'x'))),
  chat('one text of Chinese', () => field(1, repeated('東', LARGEST - 20))),
  chat('one text of Greek', () => field(1, repeated('ω', LARGEST - 20))),
  chat('one text of letters with accents', () => field(1, repeated('aé', LARGEST - 20))),
  chat('one text of ASCII and one emoji', () =>
    field(1, Buffer.concat([Buffer.alloc(LARGEST - 24, 'x'), Buffer.from('🙂')])),
  ),
  chat('empty messages', () => repeated(Buffer.from('1a00', 'hex'), 2 * PARTS)),
  chat('messages with a text', () => repeated(field(3, field(2, Buffer.alloc(506, 'x'))), LARGEST - 20)),
  chat('messages with a text that is not ASCII', () => repeated(field(3, field(2, repeated('é', 506))), LARGEST - 20)),
  chat('messages with a field that nobody knows', () =>
    repeated(field(3, Buffer.from('a01f00', 'hex')), 5 * (PARTS / 2)),
  ),
  chat('messages with a message', () => repeated(field(3, field(3, '')), 4 * (PARTS / 2))),
  chat('fields that nobody knows', () => repeated(field(500, Buffer.alloc(200)), 204 * PARTS)),
  chat('small fields that nobody knows', () => repeated(Buffer.from('a01f00', 'hex'), 3 * PARTS)),
  chat('stop texts', () => repeated(field(8, 'x'.repeat(200)), 203 * PARTS)),
  chat('labels', () => {
    const label = (at: number) => field(23, Buffer.concat([field(1, `key ${at}`), field(2, 'value')]))
    return Buffer.concat(Array.from({ length: PARTS / 3 - 1 }, (_, at) => label(at)))
  }),
  chat('one label, again and again', () =>
    repeated(field(23, Buffer.concat([field(1, 'k'), field(2, 'v'.repeat(200))])), 210 * (PARTS / 3)),
  ),
  chat('numbers among options', () => options(repeated(field(1, ''), 2 * (PARTS - 20)))),
  chat('lists among options', () => options(repeated(field(1, field(6, '')), 4 * (PARTS / 2 - 20)))),
  chat('named values among options', () => {
    const value = (at: number) => field(1, Buffer.concat([field(1, `name ${at}`), field(2, field(3, 'text'))]))
    const values = Buffer.concat(Array.from({ length: PARTS / 4 - 20 }, (_, at) => value(at)))
    return field(17, Buffer.concat([field(1, 'p'), field(2, values)]))
  }),
  chat('deep options, many of them', () => {
    // Each level is a list in a value.
    const deep = nested(45, [6, 1])
    return options(repeated(deep, deep.length * Math.floor((PARTS - 20) / 90)))
  }),
  {
    name: 'inputs',
    desc: EmbedRequestSchema,
    encoding: 'proto',
    make: () => repeated(field(3, 'x'.repeat(250)), 253 * PARTS),
  },
  {
    name: 'a request to clear from the cache',
    desc: ClearCacheRequestSchema,
    encoding: 'proto',
    make: () => field(4, repeated(Buffer.from('1a00', 'hex'), 2 * (PARTS - 1))),
  },
  json('JSON: one text of ASCII', () => `{"model":"${'x'.repeat(LARGEST - 20)}"}`),
  json('JSON: one text of escapes', () => `{"model":"${'\\n'.repeat(LARGEST / 2 - 20)}"}`),
  json('JSON: empty messages', () => `{"messages":[${'{},'.repeat(PARTS - 5)}{}]}`),
  json('JSON: stop texts', () => `{"stop":[${`"${'x'.repeat(240)}",`.repeat(PARTS - 5)}""]}`),
  json('JSON: options', () => `{"providerOptions":{"p":{"k":[${'[],'.repeat(PARTS - 12)}1]}}}`),
  json('JSON: named options', () => {
    const names = Array.from({ length: PARTS / 2 - 10 }, (_, at) => `"${at}":{}`)
    return `{"providerOptions":{"p":{${names.join()}}}}`
  }),
  json('JSON: labels', () => {
    const labels = Array.from({ length: PARTS / 2 - 10 }, (_, at) => `"key ${at}":"v"`)
    return `{"labels":{${labels.join()}}}`
  }),
  json('JSON: spaces', () => `{${' '.repeat(LARGEST - 10)}}`),
]
