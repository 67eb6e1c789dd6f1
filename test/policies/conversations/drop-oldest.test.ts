import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import type { Handler } from '../../../src/domain/streams/follow.ts'
import { chatTokens } from '../../../src/domain/tokens/request-tokens.ts'
import {
  type ChatEvent,
  type ChatRequest,
  ContextOverflow,
  type Message,
  Role,
  ToolSchema,
} from '../../../src/domain/types.ts'
import { fitContext } from '../../../src/policies/conversations/fit-context.ts'
import {
  assistant,
  calling,
  conversation,
  fitParts,
  marked,
  result,
  system,
  user,
} from '../../support/conversations.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { randomFrom } from '../../support/random.ts'
import { type RoutedCall, routedCall, targetOf } from '../../support/routed-call.ts'
import { openStream } from '../../support/streams.ts'

/* Properties of what is left of random conversations. */

type Below = (below: number) => number

/** No two alike. */
function words(below: Below): string {
  const name = Array.from({ length: 12 }, () => below(10)).join('')
  return `${name} ${Array.from({ length: 1 + below(60) }, () => ['one', 'longer', 'words', '\n'][below(4)]).join(' ')}`
}

/** Ids may be the same in every turn, as those of vendors that give none. */
function round(below: Below, turn: number): Message[] {
  const ids = Array.from({ length: 1 + below(3) }, (_, index) =>
    below(2) ? `call_${index}` : `${turn}-${below(99)}-${index}`,
  )
  const results = ids.map((id) => result(id, words(below)))
  return [calling(...ids), ...results.toSorted(() => below(2) - 1)]
}

function randomMessages(below: Below): Message[] {
  const messages: Message[] = []
  if (below(3)) messages.push(system(words(below)))
  if (below(6) === 0) messages.push(assistant(words(below)))
  const turns = 1 + below(12)
  for (let turn = 0; turn < turns; turn++) {
    messages.push(user(words(below)))
    if (below(5) === 0) messages.push(user(words(below)))
    for (let rounds = below(3); rounds > 0; rounds--) messages.push(...round(below, turn))
    if (below(5) === 0) messages.push(system(words(below)))
    if (turn < turns - 1 || below(2)) messages.push(assistant(words(below)))
  }
  if (below(6) === 0) moveResult(messages, below)
  return messages.map((message) => (message.content && below(8) === 0 ? marked(message) : message))
}

/** A result that comes only after further turns. */
function moveResult(messages: Message[], below: Below): void {
  const at = messages.findIndex(({ role }) => role === Role.TOOL)
  const [moved] = at < 0 ? [] : messages.splice(at, 1)
  if (moved) messages.splice(at + below(messages.length - at), 0, moved)
}

/** What is sent for the request to a model with this window. */
async function sentFor(request: ChatRequest, window: number): Promise<ChatRequest> {
  let sent = request
  const next: Handler<RoutedCall, ChatEvent> = async (call) => {
    sent = call.request
    return openStream()
  }
  const clock = new FakeClock()
  const target = targetOf('one', { describe: () => ({ contextWindow: window }) })
  await fitContext(fitParts(clock))<RoutedCall, ChatEvent>(next)(routedCall(clock, [target], { request }))
  return sent
}

const isSystem = ({ role }: Message) => role === Role.SYSTEM
const textOf = ({ content, parts }: Message) => content || parts[0]?.content.value

/** Where a message that is left stood before. One that was marked is another object with the same text. */
function placeOf(message: Message, messages: readonly Message[]): number {
  const same = messages.indexOf(message)
  return same >= 0 ? same : messages.findIndex((one) => one.role === message.role && textOf(one) === textOf(message))
}

/** The places of each tool call that has a result, and of the result: it belongs to the last call before it with its id. */
function pairs(messages: readonly Message[]): (readonly [call: number, result: number])[] {
  const calls = new Map<string, number>()
  return messages.flatMap(({ role, toolCalls, toolCallId }, place) => {
    for (const { id } of toolCalls) calls.set(id, place)
    const call = role === Role.TOOL ? calls.get(toolCallId) : undefined
    return call === undefined ? [] : [[call, place] as const]
  })
}

/** In order, once each: system text, the last turn of the user, and tool calls with their results. */
function expectKept(left: readonly Message[], messages: readonly Message[]): void {
  const places = left.map((message) => placeOf(message, messages))
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  const kept = new Set(places)
  expect(kept.size).toBe(places.length)
  const last = messages.findLastIndex(({ role }) => role === Role.USER)
  for (const [place, message] of messages.entries()) {
    if (isSystem(message) || place >= last) expect(kept).toContain(place)
  }
  for (const [call, result] of pairs(messages)) expect(kept.has(call)).toBe(kept.has(result))
}

const seeds = Array.from({ length: 300 }, (_, seed) => seed)

describe('what is left of a random conversation', () => {
  it.each(seeds)('%i keeps what must be kept, in order, and fits if it can', async (seed) => {
    const below = randomFrom(seed)
    for (let skipped = 0; skipped < 3; skipped++) below(2)
    const messages = randomMessages(below)
    const tools = below(2) ? [create(ToolSchema, { name: 'look', description: words(below) })] : []
    const request = conversation(messages, { contextOverflow: ContextOverflow.DROP_OLDEST, maxTokens: 16, tools })
    const window = 50 + below(1_500)
    const sent = await sentFor(request, window)

    expectKept(sent.messages, messages)
    const marks = (list: readonly Message[]) => list.some(({ parts }) => parts.some(({ cacheTtl }) => cacheTtl))
    expect(marks(sent.messages)).toBe(marks(messages))
    const fits = (size: ChatRequest) => Math.ceil(chatTokens(size).text) <= Math.floor((window - 16) / 1.1)
    if (fits(request)) expect(sent).toBe(request)
    const shortest = await sentFor(request, 17)
    if (fits(shortest)) expect(fits(sent)).toBe(true)
    expect(sent.messages.length).toBeGreaterThanOrEqual(shortest.messages.length)
  })
})
