import { expect, test } from 'vitest'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import {
  citationEvent,
  finishEvent,
  heartbeatEvent,
  partEvent,
  reasoningEvent,
  refusalEvent,
  resetEvent,
  startEvent,
  textEvent,
  toolCallEvent,
} from '../../../src/domain/streams/events.ts'
import { foldChat, foldComplete } from '../../../src/domain/streams/fold.ts'
import { type ChatEvent, FinishReason, type Part } from '../../../src/domain/types.ts'

const image: Part = {
  $typeName: 'llmgateway.v1.Part',
  content: {
    case: 'image',
    value: {
      $typeName: 'llmgateway.v1.Media',
      source: { case: 'url', value: 'https://x' },
      mimeType: '',
      name: '',
      transcript: '',
    },
  },
  signature: '',
}

/** The answer that these events are the pieces of. */
function fold(...events: ChatEvent[]) {
  const stream = new EventStream<ChatEvent>(new Cancellation(), { pause() {}, resume() {}, cancel() {} })
  for (const event of events) stream.push(event)
  stream.push(finishEvent({ finishReason: FinishReason.STOP, rawFinishReason: 'stop' }))
  stream.end()
  return foldChat(stream)
}

test('pieces are joined', async () => {
  const { message, finishReason } = await fold(
    reasoningEvent(0, { text: 'Let me ' }),
    reasoningEvent(0, { text: 'see.', signature: 's' }),
    reasoningEvent(1, { redacted: 'r' }),
    textEvent('Hel'),
    textEvent('lo'),
    refusalEvent('No'),
    refusalEvent('.'),
    toolCallEvent(0, { id: 'a', name: 'add', arguments: '{"a"' }),
    toolCallEvent(1, { id: 'b', name: 'sub' }),
    toolCallEvent(0, { arguments: ':1}' }),
    citationEvent({ $typeName: 'llmgateway.v1.Citation', url: 'https://c', title: '', text: '' }),
  )
  expect(message).toMatchObject({
    content: 'Hello',
    parts: [],
    refusal: 'No.',
    reasoning: [
      { text: 'Let me see.', signature: 's' },
      { text: '', redacted: 'r' },
    ],
    toolCalls: [
      { id: 'a', name: 'add', arguments: '{"a":1}' },
      { id: 'b', name: 'sub', arguments: '' },
    ],
    citations: [{ url: 'https://c' }],
  })
  expect(finishReason).toBe(FinishReason.STOP)
})

test('what is more than plain text keeps its order', async () => {
  const { message } = await fold(textEvent('Look: '), partEvent(image), textEvent('nice'), textEvent('!'))
  expect(message?.content).toBe('Look: nice!')
  expect(message?.parts.map(({ content }) => (content.case === 'text' ? content.value : content.case))).toEqual([
    'Look: ',
    'image',
    'nice!',
  ])
})

test('a signature stays with the text that it proves', async () => {
  const { message } = await fold(
    textEvent('a'),
    textEvent('b', 's1'),
    textEvent('c'),
    textEvent('', 's2'),
    textEvent('d'),
  )
  expect(message?.parts).toMatchObject([
    { content: { value: 'ab' }, signature: 's1' },
    { content: { value: 'c' }, signature: 's2' },
    { content: { value: 'd' }, signature: '' },
  ])
})

test('a failure is no answer', async () => {
  const stream = new EventStream<ChatEvent>(new Cancellation(), { pause() {}, resume() {}, cancel() {} })
  stream.push(textEvent('Hel'))
  stream.end(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'cut'))
  await expect(foldChat(stream)).rejects.toMatchObject({ reason: 'UPSTREAM_STREAM_TRUNCATED' })
})

test('a heartbeat says nothing of the answer', async () => {
  const first = textEvent('one ')
  const second = textEvent('two')
  const beating = await fold(heartbeatEvent(), first, heartbeatEvent(), second, heartbeatEvent())
  expect(beating).toEqual(await fold(first, second))
})

test('a completion is the text since the last start', async () => {
  const stream = new EventStream<ChatEvent>(new Cancellation(), { pause() {}, resume() {}, cancel() {} })
  stream.push(startEvent('id-1', undefined))
  for (const text of ['Once ', 'upon']) stream.push(textEvent(text))
  stream.push(resetEvent(undefined))
  for (const text of ['A ', 'time']) stream.push(textEvent(text))
  stream.push(finishEvent({ finishReason: FinishReason.LENGTH, rawFinishReason: 'length' }))
  stream.end()
  expect(await foldComplete(stream)).toEqual({
    $typeName: 'llmgateway.v1.CompleteResponse',
    id: 'id-1',
    text: 'A time',
    finishReason: FinishReason.LENGTH,
    rawFinishReason: 'length',
  })
})
