import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { Clock } from '../../src/domain/clock.ts'
import { type ChatRequest, ChatRequestSchema, type Message, MessageSchema, Role } from '../../src/domain/types.ts'
import type { FitParts } from '../../src/policies/conversations/fit-context.ts'
import { KeptSummaries } from '../../src/policies/conversations/summaries/kept-summaries.ts'
import { Summarizer } from '../../src/policies/conversations/summaries/summarizer.ts'
import { Estimator } from '../../src/policies/estimating/estimator.ts'
import { attemptBound } from '../../src/policies/routing/attempt-bound.ts'

export const system = (content: string) => create(MessageSchema, { role: Role.SYSTEM, content })
export const user = (content: string) => create(MessageSchema, { role: Role.USER, content })
export const assistant = (content: string) => create(MessageSchema, { role: Role.ASSISTANT, content })

/** An assistant's message with calls of a tool. */
export function calling(...ids: readonly string[]): Message {
  const toolCalls = ids.map((id) => ({ id, name: 'look', arguments: '{}' }))
  return create(MessageSchema, { role: Role.ASSISTANT, toolCalls })
}

export function result(toolCallId: string, content = 'found'): Message {
  return create(MessageSchema, { role: Role.TOOL, toolCallId, content })
}

/** The last of its parts ends a prefix that the vendor is asked to cache. */
export function marked({ role, content }: Message, seconds = 300n): Message {
  const part = { content: { case: 'text' as const, value: content }, cacheTtl: { seconds } }
  return create(MessageSchema, { role, parts: [part] })
}

/** A number of turns, each a question and an answer of about 100 tokens, and a last question. */
export function longConversation(turns: number): Message[] {
  const earlier = Array.from({ length: turns }, (_, turn) => [user(`question ${turn}`), assistant(words(turn))]).flat()
  return [system('Be brief.'), ...earlier, user('the last question')]
}

function words(turn: number): string {
  return `answer ${turn}: ${'the quick brown fox jumps over the lazy dog and runs '.repeat(9)}`
}

export function conversation(messages: Message[], more: MessageInitShape<typeof ChatRequestSchema> = {}): ChatRequest {
  return create(ChatRequestSchema, { ...more, messages })
}

/** What conversations are made shorter with, by default without summaries. */
export function fitParts(clock: Clock, parts: Partial<FitParts> = {}): FitParts {
  const { estimator = new Estimator() } = parts
  const ask = () => Promise.reject(new Error('no summary was expected'))
  const summarizer = new Summarizer({ ask, targetsOf: () => undefined, estimator, kept: new KeptSummaries(), clock })
  return { estimator, summarizer, clock, isEnding: () => false, bound: attemptBound(), ...parts }
}
