import { Capability, FinishReason, ReasoningEffort, Role } from '../../src/domain/types.ts'
import { kindNamed } from '../../src/providers/index.ts'
import { type ChatInit, chat, embed, streamChat } from '../support/client.ts'
import type { GrpcClient } from '../support/grpc-client.ts'

export interface Question {
  readonly name: string
  /** Why a vendor is not asked; undefined where it is. */
  skip(kind: string): string | undefined
  /** What came of it, in a few words. Throws where the answer is not as it should be. */
  ask(client: GrpcClient, kind: string): Promise<string>
}

/** A small model of each vendor that thinks. */
const thinkers: Readonly<Record<string, string>> = {
  openai: 'gpt-5-mini',
  anthropic: 'claude-haiku-4-5',
  gemini: 'gemini-2.5-flash',
  groq: 'openai/gpt-oss-20b',
  deepseek: 'deepseek-reasoner',
  mistral: 'magistral-small-latest',
  openrouter: 'openai/gpt-5-mini',
  xai: 'grok-3-mini',
  cerebras: 'gpt-oss-120b',
  ollama: 'qwen3',
}

const user = (content: string) => ({ role: Role.USER, content })
const deadline = 120_000

const weather = {
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
}

export const questions: readonly Question[] = [
  {
    name: 'Chat',
    skip: () => undefined,
    async ask(client, provider) {
      const { message, usage } = await answerTo(client, { provider, messages: [user('Say hello in one word.')] })
      check(message.content !== '', 'the answer is empty')
      check((usage?.input ?? 0) > 0 && !usage?.estimated, 'the vendor reported no tokens')
      return JSON.stringify(message.content.slice(0, 40))
    },
  },
  {
    name: 'StreamChat',
    skip: () => undefined,
    async ask(client, provider) {
      const request = { provider, messages: [user('Count from one to ten in words.')] }
      const { text, cases, error } = await streamChat(client, request, { deadline })
      check(error === undefined, `${error?.reason}: ${error?.message}`)
      check(/ten\b/i.test(text), 'the text is not complete')
      check(cases.at(-1) === 'finish', 'the stream has no finish')
      return `${cases.filter((name) => name === 'text').length} pieces`
    },
  },
  {
    name: 'a tool call',
    skip: (kind) => lacks(kind, Capability.TOOLS, 'tools'),
    async ask(client, provider) {
      const question = user('What is the weather in Oslo? Use the tool.')
      const first = await answerTo(client, { provider, messages: [question], tools: [weather] })
      const [call] = first.message.toolCalls
      check(first.finishReason === FinishReason.TOOL_CALLS && call?.name === 'get_weather', 'the tool was not called')
      check(/oslo/i.test(call?.arguments ?? ''), 'the arguments do not name the city')
      const results = first.message.toolCalls.map(({ id }) => ({
        role: Role.TOOL,
        toolCallId: id,
        content: '7 degrees, rain',
      }))
      const messages = [question, first.message, ...results]
      const second = await answerTo(client, { provider, messages, tools: [weather] })
      check(/7|seven/i.test(second.message.content), "the tool's result was not used")
      return `${call?.arguments} and back`
    },
  },
  {
    name: 'Embed',
    skip: (kind) => lacks(kind, Capability.EMBED, 'embeddings') ?? lacksModel(kind),
    async ask(client, provider) {
      const { value, error } = await embed(client, { provider, inputs: ['one', 'two'] }, { deadline })
      check(error === undefined, `${error?.reason}: ${error?.message}`)
      const [one, two] = value?.embeddings ?? []
      check(one?.values.length === two?.values.length && (one?.values.length ?? 0) > 0, 'the vectors are not alike')
      return `2 vectors of ${one?.values.length} numbers`
    },
  },
  {
    name: 'a reasoning model',
    skip: (kind) => (kind in thinkers ? undefined : 'no model that thinks is known'),
    async ask(client, provider) {
      const model = thinkers[provider] ?? ''
      const reasoning = { amount: { case: 'effort', value: ReasoningEffort.LOW } } as const
      const question = user('What is 17 * 23? Answer with the number only.')
      const first = await answerTo(client, { provider, model, messages: [question], reasoning })
      check(first.message.content.includes('391'), 'the answer is wrong')
      const messages = [question, first.message, user('And plus 9?')]
      const second = await answerTo(client, { provider, model, messages, reasoning })
      check(second.message.content.includes('400'), 'the answer to the answer is wrong')
      return `${first.usage?.reasoning ?? 'unknown'} tokens of thought, ${first.message.reasoning.length} blocks`
    },
  },
]

async function answerTo(client: GrpcClient, request: ChatInit) {
  const { value, error } = await chat(client, request, { deadline })
  if (!value?.message) throw new Error(`${error?.reason}: ${error?.message}`)
  return { ...value, message: value.message }
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

function lacks(kind: string, capability: Capability, what: string): string | undefined {
  return kindNamed(kind)?.capabilities.includes(capability) ? undefined : `it has no ${what}`
}

function lacksModel(kind: string): string | undefined {
  return kindNamed(kind)?.defaultEmbedModel === undefined ? 'it has no model for embeddings by default' : undefined
}
