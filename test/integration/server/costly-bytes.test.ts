import http2 from 'node:http2'
import { afterEach, describe, expect, it } from 'vitest'
import { message } from '../../support/raw-http2.ts'
import { keys, openGuarded } from './guarded-servers.ts'

/* Bytes that cost much to decode are refused before, while another caller keeps asking. */

const closing: (() => unknown)[] = []
const BASE = '/llmgateway.v1.LlmGateway'
const LARGE = 16_700_000

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
}

/** A field, of whatever type, written with wire type 2 and filled with messages or numbers. */
function delimited(field: number, filling: string, size: number): Buffer {
  const content = Buffer.alloc(size, Buffer.from(filling, 'hex'))
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content])
}

/** Fields of requests that are numbers, each in the place of the row's `top_k`. */
const numbers: readonly (readonly [method: string, name: string, field: number])[] = [
  ['Chat', 'top_k', 6],
  ['Chat', 'temperature', 4],
  ['Chat', 'max_tokens', 7],
  ['StreamChat', 'top_k', 6],
  ['StreamChat', 'seed', 9],
  ['Embed', 'dimensions', 4],
]

async function askGrpc(port: number, path: string, body: Buffer): Promise<string> {
  const session = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 100 })
  session.on('error', () => {})
  closing.push(() => session.destroy())
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${keys.alice}`,
  })
  const seen: http2.IncomingHttpHeaders[] = []
  stream.on('response', (headers) => seen.push(headers))
  stream.on('trailers', (headers) => seen.push(headers))
  stream.on('error', () => {})
  stream.resume()
  stream.end(message(body))
  await new Promise((resolve) => stream.once('close', resolve))
  return `${Object.assign({}, ...seen)['grpc-status']}`
}

async function askHttp(port: number, path: string, type: string, body: Buffer | string) {
  const headers = { 'content-type': type, 'x-api-key': keys.alice }
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers,
    body: new Uint8Array(Buffer.from(body)),
  })
  return { status: response.status, text: await response.text() }
}

describe.each(numbers)('row 1: %s with the number %s (field %i) written as 16.7 MB of messages', (method, _, field) => {
  const path = `${BASE}/${method}`

  it.each(['1a00', '0801'])('%s is refused before decoding at the gRPC server', async (filling) => {
    const { port, ask, begun } = await openGuarded('gRPC', closing, { maxReceiveBytes: 2 * LARGE })
    const answer = askGrpc(port, path, delimited(field, filling, LARGE))
    expect(await ask()).toBe(true)
    expect(await answer).toBe('3')
    expect(begun).toEqual(['bob'])
  })

  it('is refused before decoding over Connect and gRPC-Web at the HTTP server', async () => {
    const { port, ask, begun } = await openGuarded('HTTP', closing, { maxReceiveBytes: 2 * LARGE })
    const body = delimited(field, '1a00', LARGE)
    const isStream = method.startsWith('Stream')
    const connect = isStream ? 'application/connect+proto' : 'application/proto'
    const answers = [
      askHttp(port, path, connect, isStream ? message(body) : body),
      askHttp(port, path, 'application/grpc-web+proto', message(body)),
    ]
    expect(await ask()).toBe(true)
    const [overConnect, overWeb] = await Promise.all(answers)
    expect(overConnect?.text).toContain('"code":"invalid_argument"')
    expect(overConnect?.text).toContain('wire type 2')
    expect(overConnect?.text.length).toBeLessThan(1000)
    expect(overWeb?.text).toContain('grpc-status: 3')
    expect(begun).toEqual(['bob'])
  })
})

describe('row 7: JSON at the HTTP server', () => {
  const DIGITS = '9'.repeat(15_900_000)

  it.each([
    ['a quoted number of 16 million digits', `{"seed":"${DIGITS}"}`],
    ['a number of 16 million digits', `{"seed":${DIGITS}}`],
    ['a number with 16 million leading zeros', `{"seed":${'0'.repeat(15_900_000)}1}`],
    ['a number with an exponent of 16 million digits', `{"temperature":1e${DIGITS}}`],
    ['a quoted number with such an exponent', `{"temperature":"1e${DIGITS}"}`],
    ['a fraction of 16 million digits', `{"temperature":0.${DIGITS}}`],
    ['an unknown field name of 16 million letters', `{"${'x'.repeat(15_900_000)}":1}`],
    ['an enum value of 16 million letters', `{"messages":[{"role":"${'x'.repeat(15_900_000)}"}]}`],
  ])('%s is refused in a few words', async (_, body) => {
    const { port, ask, begun } = await openGuarded('HTTP', closing)
    const answer = askHttp(port, `${BASE}/Chat`, 'application/json', body)
    expect(await ask()).toBe(true)
    const { status, text } = await answer
    expect(status).toBe(400)
    expect(JSON.parse(text).message.length).toBeLessThan(300)
    expect(begun).toEqual(['bob'])
  })
})
