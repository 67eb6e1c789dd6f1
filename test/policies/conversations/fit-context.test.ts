import { create } from '@bufbuild/protobuf'
import { describe, expect, it, test } from 'vitest'
import type { Target } from '../../../src/domain/calls/facts.ts'
import { GatewayError, type StatedSizes } from '../../../src/domain/errors/error.ts'
import { finishEvent } from '../../../src/domain/streams/events.ts'
import type { Handler } from '../../../src/domain/streams/follow.ts'
import { chatTokens } from '../../../src/domain/tokens/request-tokens.ts'
import {
  AttemptOutcome,
  type ChatEvent,
  type ChatRequest,
  ContextOverflow,
  FinishReason,
  type Message,
  UsageSchema,
} from '../../../src/domain/types.ts'
import { fitContext } from '../../../src/policies/conversations/fit-context.ts'
import { Estimator } from '../../../src/policies/estimating/estimator.ts'
import { attemptBound } from '../../../src/policies/routing/attempt-bound.ts'
import { conversation, fitParts, longConversation } from '../../support/conversations.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RoutedCall, routedCall, targetOf } from '../../support/routed-call.ts'
import { streamOf } from '../../support/streams.ts'

const { DROP_OLDEST, ERROR, UNSPECIFIED } = ContextOverflow

interface World {
  readonly overflow?: ContextOverflow
  readonly window?: number
  readonly target?: Partial<Target>
  readonly maxTokens?: number
  /** The most tokens that the model takes, as the vendor counts. */
  readonly most?: number
  /** How many tokens the vendor counts for an estimated one. */
  readonly ratio?: number
  readonly turns?: number
  readonly left?: number
  readonly maxAttempts?: number
  readonly estimator?: Estimator
  /** What the vendor says of a conversation that is too long, with the tokens that it counts. */
  readonly sizes?: (input: number) => StatedSizes
}

/** What is sent to a target for a conversation of some turns, one request after the other, and how the call ends. */
async function ask({
  turns = 20,
  most = Number.POSITIVE_INFINITY,
  ratio = 1,
  estimator = new Estimator(),
  sizes = () => ({}),
  ...world
}: World) {
  const clock = new FakeClock()
  const { overflow = DROP_OLDEST, window, maxTokens, left = 60_000, maxAttempts } = world
  const request = conversation(longConversation(turns), {
    contextOverflow: overflow,
    ...(maxTokens !== undefined && { maxTokens }),
  })
  const sent: ChatRequest[] = []
  const warnings: (readonly string[])[] = []
  const next: Handler<RoutedCall, ChatEvent> = async (call) => {
    sent.push(call.request)
    warnings.push(call.warnings)
    const { record, cancellation } = call.context
    const attempt = record.begin('one', 'm')
    const input = Math.ceil(chatTokens(call.request).text * ratio)
    if (input > most) {
      record.fail(attempt, AttemptOutcome.FAILED, 'CONTEXT_LENGTH_EXCEEDED')
      throw new GatewayError('CONTEXT_LENGTH_EXCEEDED', 'too long', { sizes: sizes(input) })
    }
    const usage = create(UsageSchema, { input, output: 1 })
    return streamOf(cancellation, [finishEvent({ finishReason: FinishReason.STOP, rawFinishReason: '', usage })])
  }
  const target = targetOf(
    'one',
    { describe: () => (window === undefined ? {} : { contextWindow: window }) },
    world.target,
  )
  const parts = fitParts(clock, { estimator, bound: attemptBound(maxAttempts) })
  const call = routedCall(clock, [target], { request, left })
  const outcome = await fitContext(parts)<RoutedCall, ChatEvent>(next)(call).then(
    () => 'answered',
    (error: GatewayError) => error.reason,
  )
  return { request, sent, warnings, outcome }
}

const turnsOf = ({ messages }: ChatRequest) => (messages.length - 2) / 2
const texts = ({ messages }: ChatRequest) => messages.map(({ content }: Message) => content)

describe('a conversation that is longer than the window', () => {
  it('loses its oldest turns, so that an answer fits beside it', async () => {
    const { request, sent, warnings, outcome } = await ask({ window: 2_000 })
    const [first] = sent
    if (!first) throw new Error('nothing was sent')
    const left = turnsOf(first)
    expect(left).toBeGreaterThan(5)
    expect(texts(first)).toEqual([...texts(request).slice(0, 1), ...texts(request).slice(-(2 * left + 1))])
    expect(chatTokens(first).text).toBeLessThanOrEqual(2_000 - 500)
    expect(warnings).toEqual([[`the context of one/m is too small: the ${20 - left} oldest turns were dropped`]])
    expect(outcome).toBe('answered')
    expect(request.messages).toHaveLength(42)
  })

  test.each([
    ['of a call that bounds its answer', { maxTokens: 1_000 }, 1_000],
    ['of a target that bounds its answers', { target: { defaults: { maxTokens: 1_500 } } }, 500],
    ['of a call that would leave no room at all', { maxTokens: 2_000 }, 1_500],
  ])('leaves room for the answer %s', async (_, world, room) => {
    const [first] = (await ask({ window: 2_000, ...world })).sent
    const tokens = first ? chatTokens(first).text : 0
    expect(tokens).toBeLessThanOrEqual(room / 1.1)
    expect(tokens).toBeGreaterThan(room / 1.1 - 150)
  })

  it('is sent without all earlier turns where even that is too much', async () => {
    const [first] = (await ask({ window: 10 })).sent
    expect(first && texts(first)).toEqual(['Be brief.', 'the last question'])
  })
})

test.each([
  ['that fits', { window: 10_000 }],
  ['for a model of which no window is known', {}],
  ['of a call that wants an error', { window: 2_000, overflow: ERROR }],
  [
    'of a call that wants an error although its alias drops turns',
    {
      window: 2_000,
      overflow: ERROR,
      target: { alias: 'a', conversation: { overflow: DROP_OLDEST } },
    },
  ],
  ['of a call that leaves it to the gateway', { window: 2_000, overflow: UNSPECIFIED }],
])('a conversation %s is sent as it is', async (_, world) => {
  const { request, sent, warnings } = await ask(world)
  expect(sent).toEqual([request])
  expect(warnings).toEqual([[]])
})

it('an alias decides for calls that do not', async () => {
  const target = { alias: 'a', conversation: { overflow: DROP_OLDEST } }
  const { request, sent } = await ask({ window: 2_000, overflow: UNSPECIFIED, target })
  expect(sent[0]?.messages.length).toBeLessThan(request.messages.length)
})

describe('a conversation that the vendor refuses as too long', () => {
  it('is sent once more with half of it', async () => {
    const { request, sent, warnings, outcome } = await ask({ most: 1_500 })
    expect(sent[0]).toBe(request)
    expect(sent.map(turnsOf)).toEqual([20, 9])
    expect(warnings[1]).toEqual(['the context of one/m is too small: the 11 oldest turns were dropped'])
    expect(outcome).toBe('answered')
  })

  it.each<[string, NonNullable<World['sizes']>, number]>([
    ['its window', () => ({ window: 2_000 }), 12],
    ['its window and what it has counted', (input) => ({ window: 2_000, input }), 13],
    ['a window that leaves nothing', () => ({ window: 0 }), 9],
    ['a window that is large enough', () => ({ window: 9_000 }), 9],
  ])('is sent with what fits where the vendor says %s', async (_, sizes, turns) => {
    const { sent, outcome } = await ask({ most: 1_600, sizes })
    expect(sent.map(turnsOf)).toEqual([20, turns])
    expect(outcome).toBe('answered')
  })

  it('is sent once more also where it was made shorter before', async () => {
    const { sent, outcome } = await ask({ window: 2_000, most: 1_000 })
    expect(sent).toHaveLength(2)
    expect(outcome).toBe('answered')
  })

  test.each<[string, World, number]>([
    ['twice', { most: 500 }, 2],
    ['without earlier turns', { turns: 0, most: 1 }, 1],
    ['where the call wants an error', { overflow: ERROR, most: 500 }, 1],
    ['where no time is left', { most: 1_500, left: 199 }, 1],
    ['where the call has had its attempts', { most: 1_500, maxAttempts: 1 }, 1],
  ])('%s is not sent again', async (_, world, count) => {
    const { sent, outcome } = await ask(world)
    expect(sent).toHaveLength(count)
    expect(outcome).toBe('CONTEXT_LENGTH_EXCEEDED')
  })
})

it.each<[string, World]>([
  ['its answers', {}],
  ['what it refuses', { most: 1_600, sizes: (input) => ({ input }) }],
])('how a model counts is learned from %s', async (_, vendor) => {
  const estimator = new Estimator()
  const world = { window: 2_000, ratio: 1.5, estimator, ...vendor }
  const [before] = (await ask(world)).sent
  const [after] = (await ask(world)).sent
  expect(after && before && turnsOf(after) < turnsOf(before)).toBe(true)
})
