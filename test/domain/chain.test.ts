import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { Call } from '../../src/domain/calls/call.ts'
import { createCall } from '../../src/domain/calls/facts.ts'
import { Cancellation } from '../../src/domain/cancellation.ts'
import { Chain, type Policy } from '../../src/domain/chain.ts'
import { EventStream } from '../../src/domain/streams/event-stream.ts'
import type { EmbedEvent } from '../../src/domain/streams/events.ts'
import type { Handler } from '../../src/domain/streams/follow.ts'
import { type ChatEvent, type EmbedRequest, EmbedRequestSchema } from '../../src/domain/types.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { testContext } from '../support/test-gateway.ts'

interface Named {
  readonly name: string
}
interface Counted {
  readonly count: number
}

const addName: Policy<object, Named> = (next) => (call) => next({ ...call, name: 'Ada' })
const addCount: Policy<Named, Counted> = (next) => (call) => next({ ...call, count: call.name.length })
const chatOnly: Policy<unknown, unknown, ChatEvent> = (next) => next

function remember<C>(seen: C[]): Handler<C, EmbedEvent> {
  return async (call) => {
    seen.push(call)
    return new EventStream<EmbedEvent>(new Cancellation(), { pause() {}, resume() {}, cancel() {} })
  }
}

test('a call meets the policies in the order in which they are written, and gathers their facts', async () => {
  const seen: unknown[] = []
  await Chain.of<object, EmbedEvent>().use(addName).use(addCount).to(remember(seen))({ id: 1 })
  expect(seen).toEqual([{ id: 1, name: 'Ada', count: 3 }])
})

test('a wrong order does not compile', () => {
  const chain = Chain.of<object, EmbedEvent>()
  // @ts-expect-error addCount needs the name that addName adds
  chain.use(addCount)
  // @ts-expect-error a policy for chats alone has no place in the pipeline of embeddings
  chain.use(chatOnly)
  // @ts-expect-error the last handler needs a fact that nobody has added
  chain.to((call: Named) => Promise.reject(new Error(call.name)))
  // @ts-expect-error a policy must pass on the fact that it promises
  const forgetful: Policy<unknown, Named> = (next) => (call) => next(call)
  expect(forgetful).toBeTypeOf('function')
})

test('a call has a place for every fact from the start', () => {
  const call: Call<EmbedRequest> = createCall('embed', create(EmbedRequestSchema), testContext(new FakeClock()))
  const before = Object.keys(call)
  const after = Object.keys({
    ...call,
    telemetry: 1,
    caller: 1,
    targets: 1,
    target: 1,
    firstEventBy: 1,
    fallback: 1,
    warnings: 1,
    key: 1,
  })
  expect(after).toEqual(before)
})
