import { describe, expect, test } from 'vitest'
import { type BodyFacts, decodeBody } from '../../../support/decode.ts'
import { wireOf } from '../../../support/encode.ts'

const openAi = wireOf('openai')
const ollama = wireOf('ollama')
const BOM = '\uFEFF'

const piece = (content: string) => JSON.stringify({ choices: [{ delta: { content } }] })
const last = JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] })
const sse = (end: string, ...data: readonly string[]) => data.map((text) => `data: ${text}${end}${end}`).join('')
const wholeChat = JSON.stringify({ choices: [{ message: { content: 'Hello.' }, finish_reason: 'stop' }] })
const stream = sse('\n', piece('Hel'), piece('lo.'), last, '[DONE]')
const lines = [piece('Hel'), piece('lo.'), last].join('\n')
const ollamaLines = ['{"message":{"content":"Hel"}}', '{"message":{"content":"lo."},"done":true,"done_reason":"stop"}']

const streamed = (contentType: string): BodyFacts => ({ contentType, streamed: true })
const unary = (contentType: string): BodyFacts => ({ contentType, streamed: false })

describe('a reply is read as what it is', () => {
  test.each([
    ['events named as JSON', stream, streamed('application/json')],
    ['events named as a page', stream, streamed('text/html')],
    ['events named as lines', stream, streamed('application/x-ndjson')],
    ['events that were not asked for', stream, unary('application/json')],
    ['events after blank lines and a comment', `\n\n: waiting\n\n${stream}`, streamed('application/json')],
    ['events with a byte order mark', BOM + stream, streamed('text/event-stream')],
    [
      'events whose lines end in CR',
      sse('\r', piece('Hel'), piece('lo.'), last, '[DONE]'),
      streamed('text/event-stream'),
    ],
    [
      'events whose last word has a blank',
      sse('\n', piece('Hel'), piece('lo.'), '[DONE] '),
      streamed('text/event-stream'),
    ],
    ['a whole reply named as events', wholeChat, streamed('text/event-stream')],
    ['a whole reply without a name', wholeChat, streamed('')],
    ['a whole reply with a byte order mark', BOM + wholeChat, unary('application/json; charset=utf-8')],
    ['lines of JSON named as JSON', lines, streamed('application/json')],
    ['lines of JSON named as events', `${lines}\n`, streamed('text/event-stream')],
    ['lines of JSON', lines, streamed('application/jsonl')],
  ])('%s', async (_, body, facts) => {
    const bytes = Buffer.from(body)
    for (const chunks of [[bytes], Array.from(bytes, (byte) => Buffer.of(byte))]) {
      const { response } = await decodeBody(openAi, chunks, facts)
      expect(response?.message?.content).toBe('Hello.')
    }
  })

  test.each([
    ['lines named as JSON', ollamaLines.join('\n'), streamed('application/json')],
    ['lines that end in CR, with a byte order mark', BOM + ollamaLines.join('\r'), streamed('application/x-ndjson')],
    ['events', sse('\n', ...ollamaLines), streamed('text/event-stream')],
    ['events named as lines', sse('\n', ...ollamaLines, '[DONE]'), streamed('application/x-ndjson')],
  ])('of a vendor that sends lines: %s', async (_, body, facts) => {
    const { response } = await decodeBody(ollama, [Buffer.from(body)], facts)
    expect(response?.message?.content).toBe('Hello.')
  })

  test.each([
    ['a page', '<html></html>', streamed('text/html'), 'UPSTREAM_MALFORMED'],
    ['nothing, as JSON', '', unary('application/json'), 'UPSTREAM_MALFORMED'],
    ['nothing, as events', '', streamed('text/event-stream'), 'UPSTREAM_STREAM_TRUNCATED'],
    ['half of a value', wholeChat.slice(0, -1), unary('application/json'), 'UPSTREAM_MALFORMED'],
    [
      'half of the lines',
      `${piece('Hel')}\n${piece('lo').slice(0, -1)}`,
      streamed('application/json'),
      'UPSTREAM_MALFORMED',
    ],
    [
      'lines without an end',
      `${piece('Hel')}\n${piece('lo')}`,
      streamed('application/json'),
      'UPSTREAM_STREAM_TRUNCATED',
    ],
  ])('and fails as what it is: %s', async (_, body, facts, reason) => {
    const { error } = await decodeBody(openAi, [Buffer.from(body)], facts)
    expect(error?.reason).toBe(reason)
  })
})

describe('a part of a reply of any size is read', () => {
  const image = Buffer.alloc(1_500_000, 7).toString('base64')
  const chunksOf = (body: string) => {
    const bytes = Buffer.from(body)
    return Array.from({ length: Math.ceil(bytes.length / 16_384) }, (_, at) =>
      bytes.subarray(at * 16_384, (at + 1) * 16_384),
    )
  }

  test('an image in an event', async () => {
    const images = [{ image_url: { url: `data:image/png;base64,${image}` } }]
    const body = sse('\n', JSON.stringify({ choices: [{ delta: { images }, finish_reason: 'stop' }] }))
    const { response } = await decodeBody(openAi, chunksOf(body), streamed('text/event-stream'))
    expect(response?.message?.parts[0]?.content.value).toMatchObject({ source: { value: { length: 1_500_000 } } })
  })

  test("an image in an event of Gemini's", async () => {
    const inlineData = { mimeType: 'image/png', data: image }
    const body = sse(
      '\n',
      JSON.stringify({ candidates: [{ content: { parts: [{ inlineData }] }, finishReason: 'STOP' }] }),
    )
    const { response } = await decodeBody(wireOf('gemini'), chunksOf(body), streamed('text/event-stream'))
    expect(response?.message?.parts[0]?.content.value).toMatchObject({ source: { value: { length: 1_500_000 } } })
  })

  test('arguments in a line', async () => {
    const call = { function: { name: 'f', arguments: { text: image } } }
    const line = JSON.stringify({ message: { tool_calls: [call] }, done: true, done_reason: 'stop' })
    const { response } = await decodeBody(ollama, chunksOf(`${line}\n`), streamed('application/x-ndjson'))
    expect(response?.message?.toolCalls[0]?.arguments).toBe(JSON.stringify({ text: image }))
  })
})
