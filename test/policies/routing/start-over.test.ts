import { describe, expect, test } from 'vitest'
import { CallRecord } from '../../../src/domain/calls/call-record.ts'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { startEvent, textEvent } from '../../../src/domain/streams/events.ts'
import { foldChat } from '../../../src/domain/streams/fold.ts'
import type { ChatEvent } from '../../../src/domain/types.ts'
import { startOver } from '../../../src/policies/routing/start-over.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

const CUT = new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'cut', { fallback: true })

/** A target's stream, and what is asked of its source. */
function target(cancellation: Cancellation, name: string) {
  const asked: string[] = []
  const stream = new EventStream<ChatEvent>(cancellation, {
    pause: () => asked.push('pause'),
    resume: () => asked.push('resume'),
    cancel: () => asked.push('cancel'),
  })
  const record = new CallRecord(new FakeClock())
  stream.push(startEvent('id', record.route(record.begin(name, 'm'), '', '')))
  return { asked, stream }
}

/** A reader that has room for `room` events, and notes what it is told. */
function read(events: EventStream<ChatEvent>, room = Number.POSITIVE_INFINITY) {
  const reported: string[] = []
  events.read({
    event({ event }) {
      if (event.case === 'text') reported.push(event.value.text)
      else if (event.case === 'reset') reported.push(`reset: ${event.value.route?.provider}`)
      else reported.push(event.case ?? '')
      return reported.length < room
    },
    end: (error) => reported.push(error?.reason ?? 'OK'),
  })
  return reported
}

describe('an answer that breaks off', () => {
  test('is followed by the next one, whose start is told as a reset', async () => {
    const cancellation = new Cancellation()
    const [one, two] = [target(cancellation, 'one'), target(cancellation, 'two')]
    const reported = read(startOver(one.stream, cancellation, async () => two.stream))
    one.stream.push(textEvent('lost '))
    one.stream.end(CUT)
    await settle()
    two.stream.push(textEvent('kept'))
    two.stream.end()
    expect(reported).toEqual(['start', 'lost ', 'reset: two', 'kept', 'OK'])
  })

  test('ends the call where there is no next one, with the error of them all', async () => {
    const cancellation = new Cancellation()
    const { stream } = target(cancellation, 'one')
    const all = new GatewayError('UPSTREAM_ERROR', 'All 2 targets failed.')
    const reported = read(startOver(stream, cancellation, () => Promise.reject(all)))
    stream.end(CUT)
    await settle()
    expect(reported).toEqual(['start', 'UPSTREAM_ERROR'])
  })

  test('ends the call where nobody else could do better', async () => {
    const cancellation = new Cancellation()
    const { stream } = target(cancellation, 'one')
    const reported = read(startOver(stream, cancellation, () => Promise.reject(new Error('is not asked'))))
    stream.end(new GatewayError('UPSTREAM_INVALID_REQUEST', 'no'))
    await settle()
    expect(reported).toEqual(['start', 'UPSTREAM_INVALID_REQUEST'])
  })

  test('leaves nothing of itself in the answer that is awaited whole', async () => {
    const cancellation = new Cancellation()
    const [one, two] = [target(cancellation, 'one'), target(cancellation, 'two')]
    const response = foldChat(startOver(one.stream, cancellation, async () => two.stream))
    one.stream.push(textEvent('lost '))
    one.stream.end(CUT)
    await settle()
    two.stream.push(textEvent('kept'))
    two.stream.end()
    expect((await response).message?.content).toBe('kept')
  })
})

describe('a reader that is full', () => {
  test('stops the target that answers now, and starts it again', async () => {
    const cancellation = new Cancellation()
    const [one, two] = [target(cancellation, 'one'), target(cancellation, 'two')]
    const events = startOver(one.stream, cancellation, async () => two.stream)
    const reported = read(events, 2)
    one.stream.push(textEvent('lost '))
    expect(one.asked.at(-1)).toBe('pause')
    one.stream.end(CUT)
    await settle()
    two.stream.push(textEvent('kept'))
    expect(two.asked).toEqual(['pause'])
    expect(reported).toEqual(['start', 'lost '])
    events.resume()
    events.resume()
    events.resume()
    expect(reported).toEqual(['start', 'lost ', 'reset: two', 'kept'])
    two.stream.end()
    expect(reported.at(-1)).toBe('OK')
  })
})

test('who gives up the whole stream while a target answers lets go of that', () => {
  const cancellation = new Cancellation()
  const { asked, stream } = target(cancellation, 'one')
  const events = startOver(stream, cancellation, () => Promise.reject(new Error('is not asked')))
  const reported = read(events)
  events.cancel(new GatewayError('RESPONSE_TOO_LARGE', 'too large'))
  expect(asked).toContain('cancel')
  expect(reported).toEqual(['start', 'RESPONSE_TOO_LARGE'])
  expect(cancellation.size).toBe(0)
})

test('who gives up the whole stream while nobody answers is told once, and the next answer is given up', async () => {
  const cancellation = new Cancellation()
  const [one, two] = [target(cancellation, 'one'), target(cancellation, 'two')]
  let answer: (stream: EventStream<ChatEvent>) => void = () => {}
  const asking = new Promise<EventStream<ChatEvent>>((resolve) => {
    answer = resolve
  })
  const events = startOver(one.stream, cancellation, () => asking)
  const reported = read(events)
  one.stream.end(CUT)
  events.cancel(new GatewayError('RESPONSE_TOO_LARGE', 'too large'))
  expect(reported).toEqual(['start', 'RESPONSE_TOO_LARGE'])
  answer(two.stream)
  await settle()
  expect(two.asked).toContain('cancel')
  expect(cancellation.size).toBe(0)
  expect(reported).toHaveLength(2)
})

test('a call that was cancelled before begins nothing', () => {
  const cancellation = new Cancellation()
  const { stream } = target(cancellation, 'one')
  cancellation.cancel(new GatewayError('CANCELLED', 'left'))
  expect(() => startOver(stream, cancellation, async () => stream)).toThrow('left')
})

test.each(['while it answers', 'while the next one is asked', 'while the next one answers'])(
  'a call that is cancelled %s ends once, and its target is let go',
  async (when) => {
    const cancellation = new Cancellation()
    const [one, two] = [target(cancellation, 'one'), target(cancellation, 'two')]
    const next = new Promise<EventStream<ChatEvent>>((resolve, reject) => {
      if (when !== 'while the next one is asked') resolve(two.stream)
      else cancellation.add({ cancel: reject })
    })
    const reported = read(startOver(one.stream, cancellation, () => next))
    if (when !== 'while it answers') one.stream.end(CUT)
    await settle()
    cancellation.cancel(new GatewayError('CANCELLED', 'left'))
    await settle()
    expect(reported.at(-1)).toBe('CANCELLED')
    expect(reported.filter((what) => what === 'CANCELLED')).toHaveLength(1)
    expect(cancellation.size).toBe(0)
    if (when === 'while it answers') expect(one.asked).toContain('cancel')
    if (when === 'while the next one answers') expect(two.asked).toContain('cancel')
  },
)
