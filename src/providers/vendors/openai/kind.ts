import type { z } from 'zod'
import { type Capability, ReasoningEffort } from '../../../domain/types.ts'
import type { KeyHeader } from '../../credentials/credential.ts'
import type { ProviderKind } from '../../define.ts'
import type { Efforts, ModelQuirks, OpenAiDialect, TuningField } from './dialect.ts'
import { openAiWire } from './wire.ts'

const { NONE, MINIMAL, LOW, MEDIUM, HIGH } = ReasoningEffort

export const LOW_TO_HIGH: Efforts = { [LOW]: 'low', [MEDIUM]: 'medium', [HIGH]: 'high' }
export const NONE_TO_HIGH: Efforts = { ...LOW_TO_HIGH, [NONE]: 'none', [MINIMAL]: 'minimal' }

/** Fields that a vendor takes by the names that they have here. */
export function taking(...fields: readonly TuningField[]): OpenAiDialect['tuning'] {
  return Object.fromEntries(fields.map((field) => [field, field]))
}

const sampling = ['temperature', 'top_p', 'frequency_penalty', 'presence_penalty', 'stop'] as const

/** OpenAI's own. https://platform.openai.com/docs/api-reference/chat/create */
export const openAiDialect: OpenAiDialect = {
  tuning: taking(...sampling, 'seed', 'parallel_tool_calls'),
  maxTokens: 'max_tokens',
  developerRole: true,
  names: true,
  refusals: true,
  content: ['image', 'audio', 'file'],
  contentSpelling: 'openai',
  imagesBack: false,
  thoughtSignatures: false,
  // It refuses longer ones, and some servers make them.
  toolCallId: /^[\s\S]{1,40}$/,
  tools: true,
  toolRequired: 'required',
  formats: ['json_object', 'json_schema'],
  thinking: 'reasoning_effort',
  efforts: NONE_TO_HIGH,
  streamUsage: () => true,
  quirks: openAiQuirks,
  embed: { batch: 2048, base64: true, dimensions: 'dimensions' },
  paths: { chat: () => '/chat/completions', embed: () => '/embeddings', models: () => '/models' },
  headers: () => ({}),
}

/** Reasoning models take no sampling fields; the others take no effort. https://platform.openai.com/docs/guides/reasoning */
function openAiQuirks(model: string): ModelQuirks {
  const oSeries = /(^|[:/])o[1-9]/.test(model)
  const reasons = oSeries || /(^|[:/])gpt-([5-9]|1\d)(?!\d)(?!.*-chat)/.test(model)
  if (!reasons) return { efforts: {} }
  const efforts = openAiEfforts(model)
  return {
    maxTokens: 'max_completion_tokens',
    refused: oSeries ? [...sampling, 'parallel_tool_calls'] : sampling,
    efforts,
    alwaysThinks: efforts[NONE] === undefined,
  }
}

/** `none` came with gpt-5.1, and `minimal` was gpt-5's alone. https://platform.openai.com/docs/guides/reasoning */
function openAiEfforts(model: string): Efforts {
  const [, version, variant = ''] = /gpt-(\d+(?:\.\d+)?)(?:-(pro|codex))?/.exec(model) ?? []
  if (version === undefined || variant === 'codex') return { ...LOW_TO_HIGH, [MINIMAL]: 'low' }
  if (version !== '5') return { ...LOW_TO_HIGH, [MINIMAL]: 'low', [NONE]: 'none' }
  return variant === 'pro' ? { [HIGH]: 'high' } : { ...LOW_TO_HIGH, [MINIMAL]: 'minimal' }
}

const { embed: _ownEmbeddings, toolCallId: _ownIds, ...shared } = openAiDialect

/** What the rest of the family has in common: no embeddings, and nothing that only OpenAI knows. */
export const familyDialect: OpenAiDialect = {
  ...shared,
  developerRole: false,
  refusals: false,
  content: ['image'],
  efforts: LOW_TO_HIGH,
  quirks: () => ({}),
}

/** The row of a vendor that speaks OpenAI's API. */
export interface OpenAiRow {
  readonly kind: string
  readonly dialect: OpenAiDialect
  readonly baseUrl?: string
  /** Default: a bearer token. */
  readonly key?: KeyHeader
  readonly environment: ProviderKind['environment']
  readonly prices?: string
  readonly capabilities: readonly Capability[]
  readonly options?: z.ZodRawShape
  readonly defaultModel?: string
  readonly defaultEmbedModel?: string
  readonly genAiName?: string
}

export function openAiKind({ dialect, ...row }: OpenAiRow): ProviderKind {
  return { key: { name: 'authorization', prefix: 'Bearer ' }, ...row, wire: openAiWire(dialect) }
}
