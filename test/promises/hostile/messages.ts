import { message } from '../../support/raw-http2.ts'
import { field, nested, repeated } from './bytes.ts'
import { type Bad, call, post } from './senders.ts'

/** The largest request that a gateway takes by default, and room for what is around it. */
const LARGEST = 2 ** 24 - 100
const hex = (text: string) => Buffer.from(text, 'hex')

/* Numbers of fields: see the contract. */
const [MODEL, MESSAGES, TOOLS, FORMAT, OPTIONS, LABELS] = [1, 3, 12, 15, 17, 23]
const [CONTENT, PARTS, TOOL_CALLS] = [2, 3, 5]

/** A message of the user's that has these fields. */
const user = (...fields: readonly Buffer[]) => field(MESSAGES, Buffer.concat([hex('0803'), ...fields]))
const hi = user(field(CONTENT, 'hi'))
const asking = (...fields: readonly Buffer[]) => Buffer.concat([hi, ...fields])
const option = (value: Buffer) => asking(field(OPTIONS, Buffer.concat([field(1, 'house'), field(2, value)])))
const image = (url: string | Buffer) =>
  user(field(PARTS, field(2, Buffer.concat([field(2, url), field(3, 'image/png')]))))

/** Chats that are no protobuf, or too much of it. */
const messages: readonly (readonly [string, () => Buffer])[] = [
  ['noise', () => Buffer.from(Array.from({ length: 65_536 }, (_, at) => (at * 7_919) % 251))],
  ['a text that is not UTF-8', () => field(MODEL, hex('c328'))],
  ['a field of number 0', () => hex('02026869')],
  ['a number of 11 bytes', () => hex('ffffffffffffffffffff01')],
  ['a length beyond its message', () => hex('0affffffff0f68')],
  ['options of 101 levels', () => option(nested(101, [5, 2, 1]))],
  ['options of 100,000 levels', () => option(nested(100_000, [5, 2, 1]))],
  [
    'lists of 100,000 levels',
    () => option(field(1, Buffer.concat([field(1, 'a'), field(2, nested(100_000, [1, 6]))]))),
  ],
  ['groups of a million levels', () => repeated(hex('0b'), 1_000_000)],
  ['millions of fields nobody knows', () => asking(repeated(hex('f80701'), LARGEST))],
  ['millions of empty messages', () => repeated(hex('1a00'), LARGEST)],
  ['millions of empty stops', () => asking(repeated(hex('4200'), LARGEST))],
  ['millions of empty tools', () => asking(repeated(field(TOOLS, ''), LARGEST))],
  ['millions of empty labels', () => asking(repeated(field(LABELS, ''), LARGEST))],
  ['millions of different labels', () => asking(labels())],
  ['millions of empty parts', () => user(repeated(field(PARTS, ''), LARGEST))],
  ['millions of tool calls', () => user(repeated(field(TOOL_CALLS, ''), LARGEST))],
  ['options of millions of nulls', () => option(field(1, Buffer.concat([field(1, 'a'), field(2, nulls())])))],
  ['a format set a million times', () => asking(repeated(field(FORMAT, field(3, '')), LARGEST))],
  ['a text of 16 MiB', () => user(field(CONTENT, repeated('a ', LARGEST)))],
  ['a text of 16 MiB of quotes', () => user(field(CONTENT, repeated('"\\', LARGEST)))],
  ['a text of 16 MiB of three-byte letters', () => user(field(CONTENT, repeated('\u20ac', LARGEST)))],
  ['a model of 16 MiB of stars', () => asking(field(MODEL, repeated('*a', LARGEST)))],
  ['a model of 16 MiB of slashes', () => asking(field(MODEL, repeated('a/', LARGEST)))],
  [
    'an image in 16 MiB of bad base64',
    () => image(Buffer.concat([Buffer.from('data:image/png;base64,'), repeated('=%', LARGEST)])),
  ],
  ['an image at an address of 16 MiB', () => image(Buffer.concat([Buffer.from('http://'), repeated('a.', LARGEST)]))],
  ['a tool with a schema of 5 million brackets', () => tool(repeated('[', 5_000_000))],
  ['a tool with a schema of 16 MiB of lists', () => tool(jsonList('[],'))],
  [
    'a tool with a pattern that backtracks',
    () => tool(Buffer.from('{"pattern":"^(a+)+$","x":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}')),
  ],
  [
    'a format with a schema of 16 MiB of lists',
    () => asking(field(FORMAT, field(3, Buffer.concat([field(1, 'a'), field(3, jsonList('[],'))])))),
  ],
  ['a schema that is no JSON', () => tool(Buffer.from('{"a":'))],
  ['a tool call with arguments of 16 MiB of lists', () => asking(toolCall(jsonList('[],')))],
]

function labels(): Buffer {
  const entries = Array.from({ length: 500_000 }, (_, at) => field(LABELS, field(1, String(at))))
  return Buffer.concat(entries)
}

function nulls(): Buffer {
  return field(6, repeated(field(1, hex('0800')), LARGEST))
}

function tool(schema: Buffer): Buffer {
  return asking(field(TOOLS, Buffer.concat([field(1, 'a'), field(3, schema)])))
}

function toolCall(written: Buffer): Buffer {
  const one = Buffer.concat([field(1, '1'), field(2, 'a'), field(3, written)])
  const answer = Buffer.concat([hex('0804'), field(TOOL_CALLS, one)])
  const result = Buffer.concat([hex('0805'), field(CONTENT, 'a'), field(6, '1')])
  return Buffer.concat([field(MESSAGES, answer), field(MESSAGES, result)])
}

function jsonList(piece: string): Buffer {
  const many = repeated(piece, LARGEST - 100)
  return Buffer.concat([Buffer.from('{"a":['), many.subarray(0, -1), Buffer.from(']}')])
}

export const badMessages: readonly Bad[] = messages.flatMap(([name, make]) => [
  call(name, () => message(make())),
  post(name, make, { 'content-type': 'application/proto' }),
])
