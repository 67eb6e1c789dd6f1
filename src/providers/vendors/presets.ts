import { z } from 'zod'
import { Capability, ReasoningEffort } from '../../domain/types.ts'
import type { ProviderKind } from '../define.ts'
import { chargedBefore, groqSigns, openAiSigns, openRouterSigns, xaiSigns } from './failures/openai-family.ts'
import { cerebrasModels, deepSeekModels, groqModels, mistralModels, xaiModels } from './family-models.ts'
import { deepSeekResponses, openRouterResponses, xaiResponses } from './family-responses.ts'
import { openAiMedia } from './media-tokens.ts'
import {
  apiOption,
  completionsOf,
  familyDialect,
  openAiDialect,
  openAiKind,
  summaryOption,
  taking,
} from './openai/kind.ts'
import { LOW_TO_HIGH, NONE_TO_HIGH } from './openai/models.ts'

/** Vendors that speak OpenAI's API. Each row says what the vendor takes, renames, leaves out or cannot carry. */

const { CHAT, EMBED, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING, IMAGE_INPUT, AUDIO_INPUT, FILE_INPUT } = Capability
const { NONE, MINIMAL } = ReasoningEffort

const USUAL = [CHAT, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING] as const

const sampling = ['temperature', 'top_p', 'frequency_penalty', 'presence_penalty', 'stop'] as const

export const openai = openAiKind({
  kind: 'openai',
  failures: openAiSigns,
  baseUrl: 'https://api.openai.com/v1',
  environment: {
    keys: ['OPENAI_API_KEY'],
    baseUrl: ['OPENAI_BASE_URL'],
    defaultModel: ['OPENAI_MODEL'],
    options: { organization: ['OPENAI_ORGANIZATION'] },
  },
  defaultModel: 'gpt-4o-mini',
  defaultEmbedModel: 'text-embedding-3-small',
  prices: 'openai',
  mediaTokens: openAiMedia,
  capabilities: [...USUAL, EMBED, IMAGE_INPUT, AUDIO_INPUT, FILE_INPUT],
  options: { organization: z.string().min(1).optional(), ...apiOption, ...summaryOption },
  dialect: {
    ...openAiDialect,
    headers: ({ organization }) => (typeof organization === 'string' ? { 'openai-organization': organization } : {}),
  },
})

/** https://console.groq.com/docs/api-reference#chat-create */
const groq = openAiKind({
  kind: 'groq',
  failures: groqSigns,
  baseUrl: 'https://api.groq.com/openai/v1',
  environment: { keys: ['GROQ_API_KEY'], defaultModel: ['GROQ_MODEL'] },
  defaultModel: 'llama-3.3-70b-versatile',
  prices: 'groq',
  onCancel: 'runs_on',
  capabilities: [...USUAL, IMAGE_INPUT],
  dialect: { ...familyDialect, tokenField: 'max_completion_tokens', replay: 'reasoning', models: groqModels },
})

/** https://docs.x.ai/docs/api-reference#chat-completions */
const xai = openAiKind({
  kind: 'xai',
  failures: xaiSigns,
  baseUrl: 'https://api.x.ai/v1',
  environment: { keys: ['XAI_API_KEY'], defaultModel: ['XAI_MODEL'] },
  defaultModel: 'grok-4',
  genAiName: 'x_ai',
  prices: 'x-ai',
  capabilities: [...USUAL, IMAGE_INPUT],
  options: apiOption,
  dialect: {
    ...familyDialect,
    tokenField: 'max_completion_tokens',
    efforts: NONE_TO_HIGH,
    models: xaiModels,
    responses: xaiResponses,
  },
})

/** Refuses every field that it does not know. https://docs.mistral.ai/api/#tag/chat */
const mistral = openAiKind({
  kind: 'mistral',
  baseUrl: 'https://api.mistral.ai/v1',
  environment: { keys: ['MISTRAL_API_KEY'], defaultModel: ['MISTRAL_MODEL'] },
  defaultModel: 'mistral-small-latest',
  defaultEmbedModel: 'mistral-embed',
  genAiName: 'mistral_ai',
  prices: 'mistral',
  onCancel: 'runs_on',
  capabilities: [...USUAL, EMBED, IMAGE_INPUT, AUDIO_INPUT, FILE_INPUT],
  dialect: {
    ...familyDialect,
    tuning: { ...taking(...sampling, 'parallel_tool_calls'), seed: 'random_seed' },
    names: false,
    content: ['image', 'audio', 'file', 'file_url'],
    contentSpelling: 'mistral',
    replay: 'thinking',
    toolCallId: /^[A-Za-z0-9]{9}$/,
    toolRequired: 'any',
    efforts: {},
    streamUsage: () => false,
    models: mistralModels,
    // https://docs.mistral.ai/api/endpoint/fim
    completions: {
      path: () => '/fim/completions',
      tuning: { ...taking('temperature', 'top_p', 'stop'), seed: 'random_seed' },
      usual: 'chat',
      suffix: 'field',
    },
    embed: { batchInputs: 512, batchTokens: 16_384, base64: false, dimensions: 'output_dimension' },
  },
})

/** https://api-docs.deepseek.com/api/create-chat-completion */
const deepseek = openAiKind({
  kind: 'deepseek',
  failures: chargedBefore,
  baseUrl: 'https://api.deepseek.com',
  apiPath: /\/(v1|beta)$/,
  environment: { keys: ['DEEPSEEK_API_KEY'], defaultModel: ['DEEPSEEK_MODEL'] },
  defaultModel: 'deepseek-chat',
  prices: 'deepseek',
  capabilities: [CHAT, TOOLS, JSON_OBJECT, REASONING],
  options: apiOption,
  dialect: {
    ...familyDialect,
    tuning: taking(...sampling),
    content: [],
    // Its models that think refuse them otherwise. https://api-docs.deepseek.com/guides/reasoning_model
    joinsUserMessages: true,
    replay: 'reasoning_content',
    formats: ['json_object'],
    responses: deepSeekResponses,
    models: deepSeekModels,
    // https://api-docs.deepseek.com/api/create-completion
    completions: {
      path: () => '/beta/completions',
      base: 'server',
      tuning: taking(...sampling),
      usual: 'native',
      suffix: 'field',
    },
  },
})

/** https://openrouter.ai/docs/api-reference/parameters */
const openrouter = openAiKind({
  kind: 'openrouter',
  failures: openRouterSigns,
  // Its models can be listed without a key.
  probe: 'nothing',
  baseUrl: 'https://openrouter.ai/api/v1',
  environment: { keys: ['OPENROUTER_API_KEY'], defaultModel: ['OPENROUTER_MODEL'] },
  defaultModel: 'openrouter/auto',
  prices: 'openrouter',
  capabilities: [...USUAL, EMBED, IMAGE_INPUT, AUDIO_INPUT, FILE_INPUT],
  options: apiOption,
  dialect: {
    ...familyDialect,
    tuning: taking(...sampling, 'top_k', 'seed', 'parallel_tool_calls'),
    responses: openRouterResponses,
    completions: completionsOf({ tuning: taking(...sampling, 'top_k', 'seed') }, 'chat'),
    content: ['image', 'audio', 'file', 'file_url'],
    imagesBack: true,
    replay: 'reasoning_details',
    thinking: 'reasoning',
    efforts: NONE_TO_HIGH,
    embed: { batchInputs: 256, base64: true, dimensions: 'dimensions' },
  },
})

/** https://docs.together.ai/reference/chat-completions-1 */
const together = openAiKind({
  kind: 'together',
  baseUrl: 'https://api.together.xyz/v1',
  environment: { keys: ['TOGETHER_API_KEY'], defaultModel: ['TOGETHER_MODEL'] },
  prices: 'together',
  capabilities: [...USUAL, EMBED, IMAGE_INPUT],
  dialect: {
    ...familyDialect,
    tuning: taking(...sampling, 'top_k', 'seed'),
    completions: completionsOf({ tuning: taking(...sampling, 'top_k', 'seed') }),
    replay: 'reasoning',
    embed: { batchInputs: 256, base64: false },
  },
})

/** Refuses penalties. https://inference-docs.cerebras.ai/resources/openai */
const cerebras = openAiKind({
  kind: 'cerebras',
  failures: chargedBefore,
  baseUrl: 'https://api.cerebras.ai/v1',
  environment: { keys: ['CEREBRAS_API_KEY'], defaultModel: ['CEREBRAS_MODEL'] },
  prices: 'cerebras',
  capabilities: USUAL,
  dialect: {
    ...familyDialect,
    tuning: taking('temperature', 'top_p', 'stop', 'seed'),
    tokenField: 'max_completion_tokens',
    models: cerebrasModels,
    completions: completionsOf({ tuning: taking('temperature', 'top_p', 'stop', 'seed') }),
    content: [],
    replay: 'reasoning',
  },
})

/** https://docs.fireworks.ai/api-reference/post-chatcompletions */
const fireworks = openAiKind({
  kind: 'fireworks',
  baseUrl: 'https://api.fireworks.ai/inference/v1',
  environment: { keys: ['FIREWORKS_API_KEY'], defaultModel: ['FIREWORKS_MODEL'] },
  prices: 'fireworks',
  capabilities: [...USUAL, EMBED, IMAGE_INPUT],
  dialect: {
    ...familyDialect,
    tuning: taking(...sampling, 'top_k', 'seed', 'parallel_tool_calls'),
    completions: completionsOf({ tuning: taking(...sampling, 'top_k', 'seed') }),
    replay: 'reasoning_content',
    efforts: { ...LOW_TO_HIGH, [NONE]: 'none' },
    embed: { batchInputs: 256, base64: false, dimensions: 'dimensions' },
  },
})

/** Searches and cites, and has no tools. https://docs.perplexity.ai/api-reference/chat-completions-post */
const perplexity = openAiKind({
  kind: 'perplexity',
  // No listing that needs a key is documented.
  probe: 'nothing',
  baseUrl: 'https://api.perplexity.ai',
  environment: { keys: ['PERPLEXITY_API_KEY'], defaultModel: ['PERPLEXITY_MODEL'] },
  defaultModel: 'sonar',
  prices: 'perplexity',
  onCancel: 'runs_on',
  capabilities: [CHAT, JSON_SCHEMA, REASONING, IMAGE_INPUT],
  dialect: {
    ...familyDialect,
    tuning: taking(...sampling, 'top_k'),
    names: false,
    // https://docs.perplexity.ai/api-reference/chat-completions-post
    joinsUserMessages: true,
    tools: false,
    formats: ['json_schema'],
    efforts: { ...LOW_TO_HIGH, [MINIMAL]: 'minimal' },
    streamUsage: () => false,
    paths: { ...familyDialect.paths, models: () => '/v1/models' },
  },
})

/** https://huggingface.co/docs/inference-providers/tasks/chat-completion */
const huggingface = openAiKind({
  kind: 'huggingface',
  failures: chargedBefore,
  // Its models can be listed without a key.
  probe: 'nothing',
  baseUrl: 'https://router.huggingface.co/v1',
  environment: { keys: ['HF_TOKEN'], defaultModel: ['HF_MODEL'] },
  capabilities: [...USUAL, IMAGE_INPUT],
  dialect: { ...familyDialect, tuning: taking(...sampling, 'seed') },
})

/** https://docs.api.nvidia.com/nim/reference/llm-apis */
const nvidia = openAiKind({
  kind: 'nvidia',
  // Its models can be listed without a key.
  probe: 'nothing',
  baseUrl: 'https://integrate.api.nvidia.com/v1',
  environment: { keys: ['NVIDIA_API_KEY'], defaultModel: ['NVIDIA_MODEL'] },
  capabilities: [...USUAL, EMBED, IMAGE_INPUT],
  dialect: {
    ...familyDialect,
    tuning: taking(...sampling, 'seed'),
    completions: completionsOf({ tuning: taking(...sampling, 'seed') }, 'chat'),
    embed: { batchInputs: 256, base64: false },
  },
})

export const presets: readonly ProviderKind[] = [
  groq,
  xai,
  mistral,
  deepseek,
  openrouter,
  together,
  cerebras,
  fireworks,
  perplexity,
  huggingface,
  nvidia,
]
