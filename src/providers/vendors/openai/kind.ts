import { z } from 'zod'
import type { OnCancel } from '../../../domain/ports/provider.ts'
import type { Capability } from '../../../domain/types.ts'
import type { KeyHeader } from '../../credentials/credential.ts'
import type { ProbeProves } from '../../credentials/key-pool.ts'
import type { ProviderKind } from '../../define.ts'
import type { Sign } from '../../failures/sign.ts'
import type { SettableRule } from '../../model-rules.ts'
import { openAiCounter } from '../token-counters.ts'
import type { CompletionsDialect, OpenAiDialect, ResponsesDialect, TuningField } from './dialect.ts'
import { LOW_TO_HIGH, NONE_TO_HIGH, openAiModels, rulesOf } from './models.ts'
import { openAiWire } from './wire.ts'

/** Fields that a vendor takes by the names that they have here. */
export function taking(...fields: readonly TuningField[]): OpenAiDialect['tuning'] {
  return Object.fromEntries(fields.map((field) => [field, field]))
}

const sampling = ['temperature', 'top_p', 'frequency_penalty', 'presence_penalty', 'stop'] as const

/** OpenAI's own. https://platform.openai.com/docs/api-reference/responses/create */
export const openAiResponses: ResponsesDialect = {
  path: '/responses',
  auto: true,
  tuning: taking('temperature', 'top_p', 'parallel_tool_calls'),
  minTokens: 16,
  instructions: true,
  encrypted: 'those that think',
  takesReasoningOf: (maker) => maker === 'openai',
}

/** The options of kinds that have the Responses API. */
export const apiOption = { api: z.enum(['auto', 'chat', 'responses']).default('auto') }
export const summaryOption = { reasoning_summary: z.enum(['auto', 'concise', 'detailed']).optional() }

/** OpenAI's own. https://platform.openai.com/docs/api-reference/chat/create */
export const openAiDialect: OpenAiDialect = {
  tuning: taking(...sampling, 'seed', 'parallel_tool_calls'),
  tokenField: 'max_tokens',
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
  models: openAiModels,
  responses: openAiResponses,
  completions: { path: () => '/completions', tuning: taking(...sampling, 'seed'), usual: 'chat' },
  count: openAiCounter,
  embed: { batchInputs: 2048, batchTokens: 300_000, base64: true, dimensions: 'dimensions' },
  paths: { chat: () => '/chat/completions', embed: () => '/embeddings', models: () => '/models' },
  headers: () => ({}),
}

const {
  embed: _ownEmbeddings,
  toolCallId: _ownIds,
  responses: _ownResponses,
  completions: _ownCompletions,
  count: _ownCounter,
  ...shared
} = openAiDialect

/** What the rest of the family has in common: no embeddings, and nothing that only OpenAI knows. */
export const familyDialect: OpenAiDialect = {
  ...shared,
  developerRole: false,
  refusals: false,
  content: ['image'],
  efforts: LOW_TO_HIGH,
  models: [],
}

/** An endpoint like OpenAI's, for a vendor whose chats and completions take the same fields. */
export function completionsOf(
  { tuning }: Pick<OpenAiDialect, 'tuning'>,
  usual: CompletionsDialect['usual'] = 'native',
): CompletionsDialect {
  const { parallel_tool_calls: _ofTools, ...sampling } = tuning
  return { path: () => '/completions', tuning: sampling, usual }
}

/** The row of a vendor that speaks OpenAI's API. */
export interface OpenAiRow {
  readonly kind: string
  readonly dialect: OpenAiDialect
  readonly baseUrl?: string
  readonly apiAt?: string
  /** Default: the endpoints of the API. */
  readonly baseUrlEndings?: RegExp
  readonly apiPath?: RegExp
  /** Default: a bearer token. */
  readonly key?: KeyHeader
  readonly environment: ProviderKind['environment']
  readonly prices?: string
  /** Default: `stops`. */
  readonly onCancel?: OnCancel
  readonly mediaTokens?: NonNullable<ProviderKind['mediaTokens']>
  readonly capabilities: readonly Capability[]
  readonly options?: z.ZodRawShape
  readonly defaultModel?: string
  readonly defaultEmbedModel?: string
  readonly genAiName?: string
  readonly failures?: readonly Sign[]
  readonly probe?: ProbeProves
}

const settable: readonly SettableRule[] = [
  'sampling',
  'tokenField',
  'systemRole',
  'maxStops',
  'maxTools',
  'effortWithTools',
]
const embedRules: readonly SettableRule[] = ['batchInputs', 'batchTokens']

export function openAiKind({ dialect, ...row }: OpenAiRow): ProviderKind {
  return {
    key: { name: 'authorization', prefix: 'Bearer ' },
    baseUrlEndings: /\/(chat\/completions|completions|embeddings|responses|models)$/,
    ...row,
    models: {
      ...(dialect.modelOf && { modelOf: dialect.modelOf }),
      rulesOf: (model, options) => rulesOf(dialect, model, options, {}),
      settable: [
        ...settable,
        ...(dialect.embed ? embedRules : []),
        ...(dialect.responses ? ['api' as const] : []),
        ...(dialect.completions ? ['completions' as const] : []),
      ],
    },
    wire: openAiWire(dialect),
  }
}
