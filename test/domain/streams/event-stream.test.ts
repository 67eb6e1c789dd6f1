import { expect, test } from 'vitest'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { EventStream, type Reader, type Source, type Watcher } from '../../../src/domain/streams/event-stream.ts'

const left = new GatewayError('CANCELLED', 'The client disconnected.')

/** A stream whose every part writes down what it is told. */
function setUp() {
  const log: string[] = []
  const cancellation = new Cancellation()
  const source: Source = {
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
    cancel: ({ reason }) => log.push(`source cancelled: ${reason}`),
  }
  const stream = new EventStream<string>(cancellation, source)
  const watcher = (name: string): Watcher<string> => ({
    event: (event) => void log.push(`${name} hears ${event}`),
    end: (error) => void log.push(`${name} ends ${error?.reason ?? 'OK'}`),
  })
  const reader = (takes = Number.POSITIVE_INFINITY): Reader<string> => {
    let room = takes
    return {
      event(event) {
        log.push(`takes ${event}`)
        return --room > 0
      },
      end: (error) => void log.push(`is told ${error?.reason ?? 'OK'}`),
    }
  }
  return { log, cancellation, stream, watcher, reader }
}

test('watchers hear what is produced, the innermost first, and the reader is told the ending last', () => {
  const { log, stream, watcher, reader } = setUp()
  stream.watch(watcher('inner'))
  stream.watch(watcher('outer'))
  stream.read(reader())
  stream.push('a')
  stream.end()
  expect(log).toEqual(['inner hears a', 'outer hears a', 'takes a', 'inner ends OK', 'outer ends OK', 'is told OK'])
})

test('a watcher and a reader that come late miss nothing', () => {
  const { log, stream, watcher, reader } = setUp()
  stream.push('a')
  stream.end()
  stream.watch(watcher('late'))
  stream.read(reader())
  expect(log).toEqual(['pause', 'late hears a', 'takes a', 'late ends OK', 'is told OK'])
})

test('a full reader pauses the source, and gets the rest when it has room', () => {
  const { log, stream, reader } = setUp()
  stream.read(reader(1))
  stream.push('a')
  stream.push('b')
  stream.end()
  expect(log).toEqual(['takes a', 'pause'])
  stream.resume()
  expect(log.slice(2)).toEqual(['takes b', 'is told OK'])
})

test('a source is resumed only when everything that waited was taken', () => {
  const { log, stream, reader } = setUp()
  stream.push('a')
  stream.push('b')
  stream.read(reader(1))
  expect(log).toEqual(['pause', 'takes a'])
  stream.resume()
  stream.push('c')
  stream.resume()
  expect(log.slice(2)).toEqual(['takes b', 'takes c'])
})

test('a reader of another form of the events takes them converted, at its own pace; watchers do not', () => {
  const { log, stream, watcher, reader } = setUp()
  stream.watch(watcher('watcher'))
  stream.push('a')
  stream.as((event) => event.toUpperCase()).read(reader(1))
  stream.push('b')
  stream.resume()
  stream.end()
  expect(log.filter((line) => /takes|told|watcher/.test(line))).toEqual([
    'watcher hears a',
    'takes A',
    'watcher hears b',
    'takes B',
    'watcher ends OK',
    'is told OK',
  ])
})

test('a conversion that fails ends the stream', () => {
  const { log, stream, reader } = setUp()
  stream
    .as(() => {
      throw new Error('no such form')
    })
    .read(reader())
  stream.push('a')
  expect(log.at(-1)).toBe('is told INTERNAL')
})

test('a cancelled call ends at once, though its reader is full', () => {
  const { log, cancellation, stream, watcher, reader } = setUp()
  stream.watch(watcher('watcher'))
  stream.read(reader(1))
  stream.push('a')
  cancellation.cancel(left)
  expect(log.slice(3)).toEqual(['source cancelled: CANCELLED', 'watcher ends CANCELLED', 'is told CANCELLED'])
})

test('what comes after the ending is ignored', () => {
  const { log, cancellation, stream, watcher, reader } = setUp()
  stream.watch(watcher('watcher'))
  stream.read(reader())
  stream.end()
  const reported = log.length
  stream.push('a')
  stream.end(left)
  stream.resume()
  cancellation.cancel(left)
  expect(log.length).toBe(reported)
})

test('what a producer adds to an ending that nobody has read yet is ignored', () => {
  const { log, stream, reader } = setUp()
  stream.end(left)
  stream.push('late')
  stream.end()
  stream.read(reader())
  expect(log).toEqual(['is told CANCELLED'])
})

test('who watches or reads a call that was cancelled meanwhile is told so', () => {
  const { log, cancellation, stream, watcher, reader } = setUp()
  stream.push('a')
  cancellation.cancel(left)
  stream.watch(watcher('late'))
  stream.read(reader())
  expect(log).toEqual(['pause', 'source cancelled: CANCELLED', 'late ends CANCELLED', 'is told CANCELLED'])
})

test("a watcher's promise holds the reader's ending back", async () => {
  const { log, stream, reader } = setUp()
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  stream.watch({ end: () => promise })
  stream.read(reader())
  stream.end()
  await Promise.resolve()
  expect(log).toEqual([])
  resolve()
  await promise
  await new Promise((done) => setImmediate(done))
  expect(log).toEqual(['is told OK'])
})

test.each([
  ['throws', () => Promise.reject(new Error('disk full'))],
  [
    'rejects',
    () => {
      throw new Error('disk full')
    },
  ],
])('an ending that a watcher could not keep (%s) is no good ending, and the others hear theirs', async (_, end) => {
  const { log, stream, watcher, reader } = setUp()
  stream.watch({ end })
  stream.watch(watcher('other'))
  stream.read(reader())
  stream.end()
  await new Promise((done) => setImmediate(done))
  expect(log).toEqual(['other ends OK', 'is told INTERNAL'])
})

test('a reader that throws ends the call as a failure of the gateway', () => {
  const { log, stream, watcher } = setUp()
  stream.watch(watcher('watcher'))
  stream.read({
    event() {
      throw new Error('socket gone')
    },
    end: (error) => void log.push(`is told ${error?.reason}`),
  })
  stream.push('a')
  expect(log).toEqual(['watcher hears a', 'source cancelled: INTERNAL', 'watcher ends INTERNAL', 'is told INTERNAL'])
})

test('a reader that leaves and throws in one breath is told one ending', () => {
  const { log, cancellation, stream } = setUp()
  stream.read({
    event() {
      cancellation.cancel(left)
      throw new Error('socket gone')
    },
    end: (error) => void log.push(`is told ${error?.reason}`),
  })
  stream.push('a')
  expect(log).toEqual(['source cancelled: CANCELLED', 'is told CANCELLED'])
})
