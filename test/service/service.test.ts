import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { CallContext } from '../../src/domain/calls/call.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import type { EventStream } from '../../src/domain/streams/event-stream.ts'
import {
  type ChatEvent,
  ChatRequestSchema,
  EmbedRequestSchema,
  FinishReason,
  HealthRequestSchema,
  HealthStatus,
  ListModelsRequestSchema,
  ListProvidersRequestSchema,
  Role,
  StatsRequestSchema,
  TestProviderRequestSchema,
  WatchStatsRequestSchema,
} from '../../src/domain/types.ts'
import type { Methods } from '../../src/service/method-types.ts'
import { contextOf, serviceOver, simulated } from '../support/service-world.ts'

const service = serviceOver(simulated('sim'))

function chatOf(init: MessageInitShape<typeof ChatRequestSchema>) {
  return create(ChatRequestSchema, { messages: [{ role: Role.USER, content: 'one two three' }], ...init })
}

/** What a reader is told, to the end. */
function readAll(events: EventStream<ChatEvent>): Promise<string[]> {
  const reported: string[] = []
  return new Promise((resolve) => {
    events.read({
      event({ event }) {
        reported.push(event.case === 'text' ? event.value.text : (event.case ?? ''))
        return true
      },
      end(error) {
        resolve([...reported, error?.reason ?? 'OK'])
      },
    })
  })
}

test('Chat answers with one folded message', async () => {
  const answer = await service.chat(chatOf({ model: 'sim/echo' }), contextOf())
  expect(answer).toMatchObject({
    id: 'request-1',
    message: { role: Role.ASSISTANT, content: 'one two three' },
    finishReason: FinishReason.STOP,
    route: { provider: 'sim', model: 'echo' },
  })
})

test('StreamChat answers with the same as events', async () => {
  const events = await service.streamChat(chatOf({ model: 'sim/echo' }), contextOf())
  expect(await readAll(events)).toEqual(['start', 'one ', 'two ', 'three', 'finish', 'OK'])
})

test('a stream that breaks off ends in an error, a chat is refused whole', async () => {
  const events = await service.streamChat(chatOf({ model: 'sim/cut' }), contextOf())
  expect(await readAll(events)).toEqual(['start', 'one ', 'two ', 'UPSTREAM_STREAM_TRUNCATED'])
  await expect(service.chat(chatOf({ model: 'sim/cut' }), contextOf())).rejects.toMatchObject({
    reason: 'UPSTREAM_STREAM_TRUNCATED',
  })
})

test('Embed answers with one vector for each input, in order', async () => {
  const request = create(EmbedRequestSchema, { model: 'sim/embed', inputs: ['a', 'b'], dimensions: 3 })
  const answer = await service.embed(request, contextOf())
  expect(answer.id).toBe('request-1')
  expect(answer.embeddings.map(({ index, values }) => [index, values.length])).toEqual([
    [0, 3],
    [1, 3],
  ])
})

test('a wrong request is told with all that is wrong, to those who are known', async () => {
  const request = chatOf({ model: 'sim/echo', temperature: 3, maxTokens: 0 })
  const known = await service.chat(request, contextOf()).catch((error) => error)
  expect(known.facts.fields.map((wrong: { field: string }) => wrong.field)).toEqual(['temperature', 'max_tokens'])
  const stranger = await service.chat(request, contextOf('Bearer nobody')).catch((error) => error)
  expect(stranger).toMatchObject({ reason: 'UNAUTHENTICATED', facts: {} })
})

describe('who may call', () => {
  const calls: [string, (methods: Methods, context: CallContext) => Promise<unknown>][] = [
    ['chat', (methods, context) => methods.chat(chatOf({ model: 'sim/echo' }), context)],
    ['streamChat', (methods, context) => methods.streamChat(chatOf({ model: 'sim/echo' }), context)],
    [
      'embed',
      (methods, context) => methods.embed(create(EmbedRequestSchema, { model: 'sim/embed', inputs: ['a'] }), context),
    ],
    ['listModels', (methods, context) => methods.listModels(create(ListModelsRequestSchema), context)],
    ['stats', (methods, context) => methods.stats(create(StatsRequestSchema), context)],
    ['watchStats', (methods, context) => methods.watchStats(create(WatchStatsRequestSchema), context)],
  ]
  const adminCalls: typeof calls = [
    ['listProviders', (methods, context) => methods.listProviders(create(ListProvidersRequestSchema), context)],
    [
      'testProvider',
      (methods, context) => methods.testProvider(create(TestProviderRequestSchema, { provider: 'sim' }), context),
    ],
  ]

  test.each([...calls, ...adminCalls])('%s refuses strangers', async (_name, call) => {
    await expect(call(service, contextOf('Bearer nobody'))).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' })
  })

  test.each(calls)('%s serves any known caller, and notes who it is', async (_name, call) => {
    const context = contextOf('Bearer user')
    await expect(call(service, context)).resolves.toBeDefined()
    expect(context.record.caller).toBe('web')
    context.cancellation.cancel(new GatewayError('CANCELLED', 'The test is over.'))
  })

  test.each(adminCalls)('%s serves admins only', async (_name, call) => {
    await expect(call(service, contextOf('Bearer user'))).rejects.toMatchObject({
      reason: 'ADMIN_REQUIRED',
      code: 'PERMISSION_DENIED',
    })
    await expect(call(service, contextOf('Bearer admin'))).resolves.toBeDefined()
  })

  test('health serves strangers', async () => {
    const answer = await service.health(create(HealthRequestSchema), contextOf('Bearer nobody'))
    expect(answer.status).toBe(HealthStatus.HEALTHY)
  })
})

test('a call that is over before it began is not answered', async () => {
  const context = contextOf()
  context.cancellation.cancel(new GatewayError('DEADLINE_EXCEEDED', 'too late'))
  await expect(service.listModels(create(ListModelsRequestSchema), context)).rejects.toMatchObject({
    reason: 'DEADLINE_EXCEEDED',
  })
})
