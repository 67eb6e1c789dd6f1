import { Capability, ReasoningEffort } from '../../../domain/types.ts'
import { type ModelRow, type ModelRules, rulesIn } from '../../model-rules.ts'
import type { Efforts, OpenAiDialect, OpenAiRules, Options } from './dialect.ts'

const { NONE, MINIMAL, LOW, MEDIUM, HIGH } = ReasoningEffort

export const LOW_TO_HIGH: Efforts = { [LOW]: 'low', [MEDIUM]: 'medium', [HIGH]: 'high' }
export const NONE_TO_HIGH: Efforts = { ...LOW_TO_HIGH, [NONE]: 'none', [MINIMAL]: 'minimal' }

/** `minimal` is taken by gpt-5 only; other models are asked for the next amount. */
const WITHOUT_MINIMAL: Efforts = { ...LOW_TO_HIGH, [MINIMAL]: 'low' }
const WITH_NONE: Efforts = { ...WITHOUT_MINIMAL, [NONE]: 'none' }

const REFERENCE = 'https://platform.openai.com/docs/api-reference/chat/create'
const REASONING = 'https://platform.openai.com/docs/guides/reasoning'
const MODELS = 'https://platform.openai.com/docs/models'

/** Limits of the API, whatever the model. */
const every: OpenAiRules = { maxStops: 4, maxTools: 128, toolNames: /^[a-zA-Z0-9_-]{1,64}$/ }

const penalties = ['frequency_penalty', 'presence_penalty'] as const

const plain: OpenAiRules = { ...every, efforts: {}, lacks: [Capability.REASONING, Capability.EMBED] }

const thinking: OpenAiRules = {
  ...every,
  lacks: [Capability.EMBED],
  sampling: 'none',
  maxStops: 0,
  tokenField: 'max_completion_tokens',
  efforts: WITHOUT_MINIMAL,
  alwaysThinks: true,
  thinksByDefault: true,
  hiddenReasoning: 'by default',
  effortWithTools: true,
}

/** `none` came with gpt-5.1, and is its default. */
const optional: OpenAiRules = {
  ...thinking,
  sampling: 'without_thinking',
  refused: penalties,
  efforts: WITH_NONE,
  alwaysThinks: false,
  thinksByDefault: false,
  hiddenReasoning: 'when asked',
}

const oSeries: OpenAiRules = { ...thinking, refused: ['parallel_tool_calls'] }

/** Chooses by itself how long it thinks. */
const chat: OpenAiRules = { ...thinking, efforts: {}, alwaysThinks: false }

const embedding: OpenAiRules = {
  lacks: [
    Capability.CHAT,
    Capability.TOOLS,
    Capability.JSON_OBJECT,
    Capability.JSON_SCHEMA,
    Capability.REASONING,
    Capability.IMAGE_INPUT,
    Capability.AUDIO_INPUT,
    Capability.FILE_INPUT,
  ],
}

/** Continues texts, and does nothing else. */
const completing: OpenAiRules = {
  ...every,
  efforts: {},
  completions: 'native',
  lacks: [...(embedding.lacks ?? []), Capability.EMBED],
}

/** OpenAI's models. Ids may have a prefix, as in `openai/gpt-5.5` or `ft:gpt-4o`. */
export const openAiModels: readonly ModelRow<OpenAiRules>[] = [
  {
    models: /(^|[:/])(gpt-3\.5-turbo-instruct|davinci-002|babbage-002)/,
    rules: completing,
    source: 'https://platform.openai.com/docs/api-reference/completions/create',
    date: '2026-11',
  },
  { models: /(^|[:/])(chat)?gpt-[34](?!.*-search-preview)/, rules: plain, source: REFERENCE, date: '2026-11' },
  {
    models: /(^|[:/])text-embedding-/,
    rules: embedding,
    source: 'https://platform.openai.com/docs/api-reference/embeddings/create',
    date: '2026-11',
  },
  {
    models: /(^|[:/])o[1-9][\w.-]*-(pro|deep-research)|(^|[:/])computer-use/,
    rules: { ...oSeries, api: 'responses' },
    source: MODELS,
    date: '2026-11',
  },
  { models: /(^|[:/])o[1-9]/, rules: oSeries, source: REASONING, date: '2026-11' },
  {
    models: /(^|[:/])(gpt-[\d.]+-codex|codex-)/,
    rules: { ...thinking, api: 'responses' },
    source: MODELS,
    date: '2026-11',
  },
  {
    models: /(^|[:/])gpt-5-pro/,
    rules: { ...thinking, efforts: { [HIGH]: 'high' }, api: 'responses' },
    source: 'https://platform.openai.com/docs/models/gpt-5-pro',
    date: '2026-11',
  },
  {
    models: /(^|[:/])gpt-([5-9]|1\d)\.\d+-pro/,
    rules: {
      ...thinking,
      efforts: { [MINIMAL]: 'medium', [LOW]: 'medium', [MEDIUM]: 'medium', [HIGH]: 'high' },
      api: 'responses',
    },
    source: MODELS,
    date: '2026-11',
  },
  {
    models: /(^|[:/])gpt-5-chat/,
    rules: plain,
    source: 'https://github.com/langchain-ai/langchain/pull/32624',
    date: '2025-08',
  },
  {
    models: /(^|[:/])gpt-([5-9]|1\d)(\.\d+)?-chat/,
    rules: chat,
    source: 'https://github.com/HKUDS/DeepTutor/issues/141',
    date: '2026-01',
  },
  {
    models: /(^|[:/])gpt-5(?![.\d])/,
    rules: { ...thinking, efforts: { ...LOW_TO_HIGH, [MINIMAL]: 'minimal' } },
    source: REASONING,
    date: '2026-11',
  },
  { models: /(^|[:/])gpt-5\.[13](?!\d)/, rules: optional, source: REASONING, date: '2026-11' },
  {
    models: /(^|[:/])gpt-5\.[24](?!\d)/,
    rules: { ...optional, effortWithTools: false },
    source: 'https://github.com/openai/openai-openapi/issues/541',
    date: '2026-05',
  },
  {
    models: /(^|[:/])gpt-([5-9]|1\d)(?!\d)/,
    rules: { ...thinking, efforts: WITH_NONE, alwaysThinks: false, effortWithTools: false },
    source: 'https://github.com/BerriAI/litellm/pull/34569',
    date: '2026-07',
  },
  {
    models: /-search-preview/,
    rules: { ...plain, sampling: 'none', maxStops: 0, tokenField: 'max_completion_tokens' },
    source: 'https://platform.openai.com/docs/guides/tools-web-search?api-mode=chat',
    date: '2026-11',
  },
  // Names of deployments and new models: nothing is known of them.
  { models: /./, rules: { ...every, efforts: {} }, source: REFERENCE, date: '2026-11' },
]

/** What a model takes: its row, then the operator's settings. */
export function rulesOf(
  { models, modelOf }: OpenAiDialect,
  name: string,
  options: Options,
  overrides: ModelRules,
): OpenAiRules {
  return { ...rulesIn(models, modelOf?.(name, options) ?? name), ...overrides }
}
