import { describe, expect, it } from 'vitest'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { AsyncEvents } from '../../../src/server/http/async-events.ts'

function world() {
  const reported: string[] = []
  const cancellation = new Cancellation()
  const source = {
    pause: () => reported.push('pause'),
    resume: () => reported.push('resume'),
    cancel: () => reported.push('cancel'),
  }
  const stream = new EventStream<string>(cancellation, source)
  const events = new AsyncEvents<string>({
    asked: () => {},
    gave: () => {},
    ended: (error) => {
      reported.push('ended')
      return error
    },
    left: () => {
      reported.push('left')
      cancellation.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
    },
  })
  return { reported, stream, events }
}

describe('a stream of events as an async iterator', () => {
  it('gives every event in order, whenever it came, then the end', async () => {
    const { stream, events } = world()
    const taken: string[] = []
    const reading = (async () => {
      for await (const event of events) taken.push(event)
    })()
    stream.push('a')
    stream.push('b')
    events.open(stream)
    await new Promise((resolve) => setImmediate(resolve))
    stream.push('c')
    stream.push('d')
    stream.end()
    await reading
    expect(taken).toEqual(['a', 'b', 'c', 'd'])
  })

  it('loses nothing when it is opened before the first event is asked for', async () => {
    const { stream, events } = world()
    stream.push('a')
    events.open(stream)
    expect(await events.next()).toEqual({ done: false, value: 'a' })
  })

  it('takes nothing that is not asked for', async () => {
    const { reported, stream, events } = world()
    events.open(stream)
    const first = events.next()
    stream.push('a')
    await first
    stream.push('b')
    expect(reported).toEqual(['pause'])
    expect(await events.next()).toEqual({ done: false, value: 'b' })
  })

  it('fails with what the stream fails with, after the events before it', async () => {
    const { stream, events } = world()
    const error = new GatewayError('UPSTREAM_RESET', 'gone')
    stream.push('a')
    stream.end(error)
    events.open(stream)
    expect(await events.next()).toEqual({ done: false, value: 'a' })
    await expect(events.next()).rejects.toBe(error)
  })

  it('ends once, with the first ending', async () => {
    const { reported, stream, events } = world()
    events.open(stream)
    const next = events.next()
    events.end()
    events.end(new GatewayError('INTERNAL', 'too late'))
    expect(await next).toEqual({ done: true, value: undefined })
    expect(reported).toEqual(['ended'])
  })

  it('cancels the call when its reader goes before the end', async () => {
    const { reported, stream, events } = world()
    events.open(stream)
    stream.push('a')
    for await (const _ of events) break
    expect(reported).toContain('left')
    expect(reported).toContain('cancel')
  })
})
