import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/domain/errors/error.ts'
import { finishEvent, textEvent } from '../../../../src/domain/streams/events.ts'
import { chatTokens } from '../../../../src/domain/tokens/request-tokens.ts'
import { type ChatRequest, ChatRequestSchema, ContextOverflow, FinishReason } from '../../../../src/domain/types.ts'
import { KeptSummaries } from '../../../../src/policies/conversations/summaries/kept-summaries.ts'
import { Summarizer } from '../../../../src/policies/conversations/summaries/summarizer.ts'
import { Estimator } from '../../../../src/policies/estimating/estimator.ts'
import type { SideCall } from '../../../../src/policies/side-call.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { type RoutedCallOptions, routedCall, targetOf } from '../../../support/routed-call.ts'
import { openStream, streamOf } from '../../../support/streams.ts'

interface World {
  /** Window of the model that summarizes. */
  readonly window?: number
  readonly left?: number
  readonly firstEvent?: number
  readonly request?: ChatRequest
  /** Whether the model never answers. */
  readonly isSilent?: boolean
  readonly finish?: FinishReason
  /** What each summary says beside its number. */
  readonly more?: string
}

function world({ window, isSilent = false, finish = FinishReason.STOP, more = '', ...facts }: World = {}) {
  const clock = new FakeClock()
  const asked: SideCall[] = []
  const target = targetOf('brief', { describe: () => (window === undefined ? {} : { contextWindow: window }) })
  const summarizer = new Summarizer({
    clock,
    estimator: new Estimator(),
    kept: new KeptSummaries(),
    targetsOf: (alias) => (alias === 'brief' ? [target] : undefined),
    ask: async (call) => {
      asked.push(call)
      if (isSilent) return openStream(call.context.cancellation)
      const last = finishEvent({ finishReason: finish, rawFinishReason: '' })
      return streamOf(call.context.cancellation, [textEvent(`summary ${asked.length}${more}`), last])
    },
  })
  const newCall = (more: RoutedCallOptions = {}) => routedCall(clock, [targetOf('house')], { ...facts, ...more })
  const call = newCall()
  const summarize = (transcript: string, asking = call) =>
    summarizer
      .summarize(asking, 'brief', { key: 'key', before: undefined, transcript })
      .catch(({ reason }: GatewayError) => reason)
  return { clock, call, newCall, asked, summarize, summarizer }
}

const words = (count: number) => 'word and word\n'.repeat(count)
const contentOf = ({ request }: SideCall) => request.messages[1]?.content ?? ''

describe('a summary', () => {
  it('is asked for on the account of the caller, and of the user of the call', async () => {
    const request = create(ChatRequestSchema, {
      userId: 'ann',
      sessionId: 's',
      labels: { team: 'red' },
      temperature: 1,
    })
    const { call, asked, summarize } = world({ request })
    expect(await summarize('User: hi')).toBe('summary 1')
    const [side] = asked
    expect(side?.request).toMatchObject({ userId: 'ann', sessionId: 's', labels: { team: 'red' }, maxTokens: 1_024 })
    expect(side?.request.temperature).toBeUndefined()
    expect(side?.wishes.overflow).toBe(ContextOverflow.ERROR)
    expect(side?.caller).toBe(call.caller)
    expect(side?.targets.map(({ provider }) => provider.name)).toEqual(['brief'])
    expect(side?.context.requestId).not.toBe(call.context.requestId)
    expect(call.context.record.sideCalls).toEqual([side?.context.record])
  })

  it.each([
    ['the deadline', { left: 10_000 }, 5_000],
    ['the first event of the answer', { left: 60_000, firstEvent: 4_000 }, 2_000],
  ])('takes half of the time until %s at most', async (_, facts, half) => {
    const { clock, call, asked, summarize } = world({ ...facts, isSilent: true })
    const made = summarize('User: hi')
    await clock.advance(half - 1)
    expect(asked[0]?.context.cancellation.reason).toBeUndefined()
    await clock.advance(1)
    expect(await made).toBe('DEADLINE_EXCEEDED')
    expect(asked[0]?.context.deadline).toBe(1_000 + half)
    expect(call.context.cancellation.reason).toBeUndefined()
    expect([clock.waiting, call.context.cancellation.size]).toEqual([0, 0])
  })

  it('is not asked for where too little time is left', async () => {
    const { asked, summarize } = world({ left: 399 })
    expect(await summarize('User: hi')).toBe('DEADLINE_EXCEEDED')
    expect(asked).toEqual([])
  })

  it('costs half of the most that the call may cost', async () => {
    const { asked, summarize } = world({ request: create(ChatRequestSchema, { maxCostUsd: 0.5 }) })
    await summarize('User: hi')
    expect(asked[0]?.request.maxCostUsd).toBe(0.25)
  })

  it('may be cut at its limit, but not by a filter', async () => {
    expect(await world({ finish: FinishReason.LENGTH }).summarize('User: hi')).toBe('summary 1')
    expect(await world({ finish: FinishReason.CONTENT_FILTER }).summarize('User: hi')).toBe('UPSTREAM_MALFORMED')
  })

  it('is made of pieces that fit, each with the summary of those before it, and kept once', async () => {
    const more = ' of many words'.repeat(150)
    const { call, asked, summarize, summarizer } = world({ window: 4_000, more })
    const transcript = words(2_500)
    const made = await summarize(transcript)
    expect(asked.length).toBeGreaterThan(2)
    expect(made).toBe(`summary ${asked.length}${more}`)
    for (const [index, side] of asked.entries()) {
      expect(contentOf(side).startsWith('<summary>')).toBe(index > 0)
      if (index > 0) expect(contentOf(side)).toContain(`<summary>\nsummary ${index}${more}\n</summary>`)
      expect(chatTokens(side.request).text * 1.1 + 1_024).toBeLessThanOrEqual(4_000)
    }
    const pieces = asked.map((side) => /<conversation>\n([\s\S]*)\n<\/conversation>/.exec(contentOf(side))?.[1])
    expect(`${pieces.join('\n')}\n`).toBe(transcript)
    expect(summarizer.kept(call, 'key')).toBe(made)
  })

  it('is not begun of more than eight pieces, nor without room for any', async () => {
    for (const [window, lines] of [
      [4_000, 8_000],
      [400, 1],
    ] as const) {
      const { asked, summarize } = world({ window })
      expect(await summarize(words(lines))).toBe('CONTEXT_LENGTH_EXCEEDED')
      expect(asked).toEqual([])
    }
  })
})

describe('a summary that equal conversations want at the same time', () => {
  it('is asked for once, and paid by the first call', async () => {
    const { call, newCall, asked, summarize } = world()
    const other = newCall()
    expect(await Promise.all([summarize('User: hi'), summarize('User: hi', other)])).toEqual(['summary 1', 'summary 1'])
    expect(asked).toHaveLength(1)
    expect([call, other].map(({ context }) => context.record.sideCalls.length)).toEqual([1, 0])
    expect([call, other].map(({ context }) => context.cancellation.size)).toEqual([0, 0])
  })

  it('is made for each caller', async () => {
    const { newCall, asked, summarize } = world()
    await Promise.all([summarize('User: hi'), summarize('User: hi', newCall({ caller: 'another' }))])
    expect(asked).toHaveLength(2)
  })

  it('is asked for again where the call that asked for it is cancelled', async () => {
    const { clock, call, newCall, asked, summarize } = world({ isSilent: true })
    const other = newCall()
    const made = [summarize('User: hi'), summarize('User: hi', other)]
    await clock.advance(1)
    call.context.cancellation.cancel(new GatewayError('CANCELLED', 'The client has left.'))
    expect(await made[0]).toBe('CANCELLED')
    await clock.advance(1)
    expect(asked.map(({ context }) => context.cancellation.reason?.reason)).toEqual(['CANCELLED', undefined])
    await clock.advance(30_000)
    expect(await made[1]).toBe('DEADLINE_EXCEEDED')
    expect(clock.waiting).toBe(0)
  })

  it('is not waited for by a call that is cancelled, or has taken half of its time', async () => {
    const { clock, newCall, asked, summarize } = world({ isSilent: true })
    const first = summarize('User: hi')
    const [leaving, hurried] = [newCall(), newCall({ left: 4_000 })]
    const [left, late] = [summarize('User: hi', leaving), summarize('User: hi', hurried)]
    leaving.context.cancellation.cancel(new GatewayError('CANCELLED', 'The client has left.'))
    expect(await left).toBe('CANCELLED')
    await clock.advance(2_000)
    expect(await late).toBe('DEADLINE_EXCEEDED')
    expect(asked.map(({ context }) => context.cancellation.reason)).toEqual([undefined])
    await clock.advance(28_000)
    expect(await first).toBe('DEADLINE_EXCEEDED')
    expect([asked.length, clock.waiting, hurried.context.cancellation.size]).toEqual([1, 0, 0])
  })
})
