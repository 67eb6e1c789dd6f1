import { Capability, ReasoningEffort } from '../../domain/types.ts'
import type { ModelRow } from '../model-rules.ts'
import type { Efforts, OpenAiRules } from './openai/dialect.ts'

/** What single models take at vendors that speak OpenAI's API. The first row that matches counts. */

type Table = readonly ModelRow<OpenAiRules>[]

const { NONE, LOW, MEDIUM, HIGH } = ReasoningEffort

const notThinking: OpenAiRules = { efforts: {}, lacks: [Capability.REASONING] }

/** Some of Groq's models write their reasoning into the text unless the request says otherwise. */
const GROQ_REASONING = 'https://console.groq.com/docs/reasoning'
const groqEvery: OpenAiRules = { maxStops: 4, maxTools: 128 }
const groqParsed: OpenAiRules = { ...groqEvery, fields: { reasoning_format: 'parsed' } }
const groqQwenEfforts: Efforts = { [NONE]: 'none', [LOW]: 'default', [MEDIUM]: 'default', [HIGH]: 'default' }

export const groqModels: Table = [
  { models: /gpt-oss/, rules: groqEvery, source: GROQ_REASONING, date: '2026-11' },
  { models: /qwen3/, rules: { ...groqParsed, efforts: groqQwenEfforts }, source: GROQ_REASONING, date: '2026-11' },
  { models: /deepseek-r1|qwq/, rules: { ...groqParsed, efforts: {} }, source: GROQ_REASONING, date: '2026-11' },
  {
    models: /./,
    rules: { ...groqEvery, efforts: {} },
    source: 'https://console.groq.com/docs/api-reference#chat-create',
    date: '2026-11',
  },
]

/** xAI's models that think refuse penalties and stop texts, and only some of them take an effort. */
const XAI_REASONING = 'https://docs.x.ai/docs/guides/reasoning'
const xaiThinking: OpenAiRules = {
  refused: ['frequency_penalty', 'presence_penalty'],
  maxStops: 0,
  thinksByDefault: true,
  hiddenReasoning: 'by default',
}

export const xaiModels: Table = [
  { models: /non-reasoning/, rules: notThinking, source: XAI_REASONING, date: '2026-11' },
  { models: /grok-(3-mini|4\.[3-9](?!\d)|[5-9])/, rules: xaiThinking, source: XAI_REASONING, date: '2026-11' },
  { models: /grok-(4|code|build)/, rules: { ...xaiThinking, efforts: {} }, source: XAI_REASONING, date: '2026-11' },
  { models: /./, rules: { efforts: {} }, source: XAI_REASONING, date: '2026-11' },
]

/** Mistral's models think, or they do not. */
const mistralEfforts: Efforts = { [NONE]: 'none', [LOW]: 'high', [MEDIUM]: 'high', [HIGH]: 'high' }

export const mistralModels: Table = [
  {
    models: /^mistral-(small-(latest|2603)|medium-3)/,
    rules: { efforts: mistralEfforts },
    source: 'https://docs.mistral.ai/capabilities/reasoning/',
    date: '2026-11',
  },
  {
    models: /^codestral-(?!embed)/,
    rules: { completions: 'native' },
    source: 'https://docs.mistral.ai/capabilities/code_generation',
    date: '2026-11',
  },
]

/** Models that always think cannot fill in the middle. */
export const deepSeekModels: Table = [
  {
    models: /reasoner/,
    rules: { completions: 'chat' },
    source: 'https://api-docs.deepseek.com/api/create-completion',
    date: '2026-11',
  },
]

export const cerebrasModels: Table = [
  {
    models: /./,
    rules: { maxStops: 4 },
    source: 'https://inference-docs.cerebras.ai/resources/openai',
    date: '2026-11',
  },
]
