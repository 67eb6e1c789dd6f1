import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { Call } from '../../src/domain/calls/call.ts'
import { ChildContext } from '../../src/domain/calls/child-context.ts'
import type { Ask } from '../../src/domain/ports/provider.ts'
import type { EventStream } from '../../src/domain/streams/event-stream.ts'
import { type ChatEvent, type ChatRequest, UsageSchema } from '../../src/domain/types.ts'
import { callProvider } from '../../src/policies/call-provider.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { routedCall, targetOf } from '../support/routed-call.ts'
import { openStream } from '../support/streams.ts'

test('two attempts of one call at once do not see the facts of each other', async () => {
  const clock = new FakeClock()
  const asks: Ask<ChatRequest>[] = []
  const attempt = callProvider<ChatRequest, ChatEvent>(async (_, ask): Promise<EventStream<ChatEvent>> => {
    asks.push(ask)
    return openStream()
  })
  const [slow, fast] = [targetOf('slow'), targetOf('fast')]
  const call = routedCall(clock, [slow, fast])
  const children = [slow, fast].map((target, at) => {
    const context = new ChildContext(call.context)
    const warnings = at > 0 ? ['second choice'] : []
    return { ...call, context, target, fallback: at > 0, key: undefined, reservation: undefined, warnings }
  })
  await Promise.all(children.map((child) => attempt(child)))
  asks[0]?.attempt.warnings.push('seed was left out')
  Object.assign(asks[0]?.attempt ?? {}, { committed: true, usage: create(UsageSchema, { input: 7 }) })
  const seen = children.map(({ context: { record } }: { readonly context: Call['context'] }) => ({
    targets: record.attempts.map(({ provider }) => provider),
    warnings: record.attempts.flatMap(({ warnings }) => warnings),
    committed: record.committed(),
    input: record.usage()?.input,
    fallback: record.fallbackUsed,
  }))
  expect(seen).toEqual([
    { targets: ['slow'], warnings: ['seed was left out'], committed: true, input: 7, fallback: false },
    { targets: ['fast'], warnings: ['second choice'], committed: false, input: undefined, fallback: true },
  ])
  expect(call.context.record.attempts).toEqual([])
})
