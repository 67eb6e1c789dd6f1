import { type ChatRequestSchema, ReasoningEffort, Role, ToolChoiceMode } from '../../src/domain/types.ts'
import {
  assistant,
  at,
  bytes,
  cachedText,
  city,
  developer,
  type Init,
  PDF,
  PIXEL,
  result,
  system,
  text,
  tool,
  user,
  WAV,
} from './typed/said.ts'

type RequestInit = Init<typeof ChatRequestSchema>

export interface Section {
  readonly title: string
  readonly fields: Readonly<Record<string, Field>>
  /** Whether the values are told too, not only where they stand. */
  readonly values?: boolean
}

/** A request with something, and the same request without it. */
export interface Field {
  readonly with: RequestInit
  readonly without: RequestInit
  /** What it is called when it makes no difference. Default: a dash. */
  readonly otherwise?: string
}

const hi = { messages: [user('Hi.')] }
const weather = { ...hi, tools: [tool('get_weather', city)] }

function plus(more: RequestInit, base: RequestInit = hi): Field {
  return { with: { ...base, ...more }, without: base }
}

function effort(value: ReasoningEffort): Field {
  return plus({ reasoning: { amount: { case: 'effort', value } } })
}

type Messages = NonNullable<RequestInit['messages']>

/** A conversation that begins with these messages, or with those. */
function begun(messages: Messages, others: Messages = [], otherwise?: string): Field {
  return {
    with: { messages: [...messages, ...hi.messages] },
    without: { messages: [...others, ...hi.messages] },
    ...(otherwise !== undefined && { otherwise }),
  }
}

const call = { id: 'call_1', name: 'get_weather', arguments: '{}' }
const yes = assistant('Yes.')

export const sections: readonly Section[] = [
  {
    title: 'Tuning',
    fields: {
      temperature: plus({ temperature: 0.5 }),
      top_p: plus({ topP: 0.5 }),
      top_k: plus({ topK: 40 }),
      max_tokens: plus({ maxTokens: 77 }),
      stop: plus({ stop: ['END'] }),
      seed: plus({ seed: 7n }),
      frequency_penalty: plus({ frequencyPenalty: 0.5 }),
      presence_penalty: plus({ presencePenalty: 0.5 }),
    },
  },
  {
    title: 'Thinking',
    values: true,
    fields: {
      none: effort(ReasoningEffort.NONE),
      minimal: effort(ReasoningEffort.MINIMAL),
      low: effort(ReasoningEffort.LOW),
      medium: effort(ReasoningEffort.MEDIUM),
      high: effort(ReasoningEffort.HIGH),
      'budget 2000': plus({ reasoning: { amount: { case: 'budgetTokens', value: 2000 } } }),
    },
  },
  {
    title: 'Tools and formats',
    fields: {
      tools: plus(weather),
      'strict tool': plus({ tools: [tool('get_weather', city, { strict: true })] }, weather),
      'a tool required': plus({ toolChoice: { choice: { case: 'mode', value: ToolChoiceMode.REQUIRED } } }, weather),
      'a tool by name': plus({ toolChoice: { choice: { case: 'name', value: 'get_weather' } } }, weather),
      'one call at a time': plus({ parallelToolCalls: false }, weather),
      json_object: plus({ responseFormat: { format: { case: 'jsonObject', value: {} } } }),
      json_schema: plus({
        responseFormat: { format: { case: 'jsonSchema', value: { schema: JSON.stringify(city) } } },
      }),
    },
  },
  {
    title: 'Content',
    fields: {
      'image bytes': begun([user(bytes('image', 'image/png', PIXEL))]),
      'image URL': begun([user(at('image', 'https://example.com/a.png', 'image/png'))]),
      'sound bytes': begun([user(bytes('audio', 'audio/wav', WAV))]),
      'PDF bytes': begun([user(bytes('file', 'application/pdf', PDF, 'a.pdf'))]),
      'PDF URL': begun([user(at('file', 'https://example.com/a.pdf', 'application/pdf'))]),
      'image in a tool result': begun([
        user('Draw.'),
        assistant('', { toolCalls: [call] }),
        result('call_1', bytes('image', 'image/png', PIXEL)),
      ]),
      'image in an answer': begun([user('Draw.'), assistant('', { parts: [bytes('image', 'image/png', PIXEL)] })]),
    },
  },
  {
    title: 'Messages',
    fields: {
      'developer role': begun([developer('Be brief.')], [system('Be brief.')], 'as the system'),
      'participant names': begun([{ role: Role.USER, content: 'Hi.', name: 'ann' }], [user('Hi.')]),
      reasoning: begun([{ ...yes, reasoning: [{ text: 'Hm.' }] }], [yes]),
      'signed reasoning': begun([{ ...yes, reasoning: [{ text: 'Hm.', signature: 'c2lnbmVk' }] }], [yes]),
      'encrypted reasoning': begun([{ ...yes, reasoning: [{ redacted: 'c2VjcmV0' }] }], [yes]),
      'signature of a tool call': begun(
        [user('?'), assistant('', { toolCalls: [{ ...call, signature: 'c2lnbmVk' }] }), result('call_1', '7')],
        [user('?'), assistant('', { toolCalls: [call] }), result('call_1', '7')],
      ),
      'refusal sent back': begun([assistant('', { refusal: 'No.' })], [assistant('No.')], 'as text'),
      'cache marks': begun([user(cachedText('Long.', 300))], [user(text('Long.'))]),
    },
  },
]
