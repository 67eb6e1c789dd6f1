import { Capability } from '../../domain/types.ts'
import type { ProviderKind, PullWire } from '../define.ts'
import { compatibleResponses } from './family-responses.ts'
import type { OpenAiDialect } from './openai/dialect.ts'
import { apiOption, completionsOf, familyDialect, type OpenAiRow, openAiKind, taking } from './openai/kind.ts'
import { dockerPull, lmStudioPull } from './self-hosted-pulls.ts'
import { llamacppCounter, vllmCounter } from './token-counters.ts'

/** Servers that speak OpenAI's API. All but the last run on the operator's own machines. */

const { CHAT, EMBED, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING, IMAGE_INPUT, AUDIO_INPUT, FILE_INPUT } = Capability

const USUAL = [CHAT, EMBED, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING, IMAGE_INPUT] as const

const sampling = taking('temperature', 'top_p', 'top_k', 'frequency_penalty', 'presence_penalty', 'stop', 'seed')

const dialect: OpenAiDialect = {
  ...familyDialect,
  tuning: { ...sampling, ...taking('parallel_tool_calls') },
  completions: completionsOf({ tuning: sampling }),
  replay: 'reasoning_content',
  embed: { batchInputs: 256, base64: false },
}

function server(row: OpenAiRow, pull?: PullWire): ProviderKind {
  const kind = openAiKind(row)
  const wire = pull && kind.wire ? { ...kind.wire, pull } : kind.wire
  return { apiPath: /\/v1$/, ...kind, ...(wire && { wire }), local: true, selfHosted: true, keyOptional: true }
}

/** https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html */
const vllm = server({
  kind: 'vllm',
  baseUrl: 'http://localhost:8000/v1',
  environment: { keys: ['VLLM_API_KEY'], baseUrl: ['VLLM_BASE_URL'], defaultModel: ['VLLM_MODEL'] },
  capabilities: [...USUAL, AUDIO_INPUT],
  dialect: {
    ...dialect,
    count: vllmCounter,
    content: ['image', 'audio'],
    embed: { batchInputs: 2048, base64: true, dimensions: 'dimensions' },
  },
})

/**
 * Its port is 8080, as is the gateway's own. Without `/v1`, some of its paths are those of an API of its own.
 * https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
 */
const llamacpp = server({
  kind: 'llamacpp',
  apiAt: '/v1',
  baseUrlEndings: /\/(chat\/completions|completions?|embeddings?|responses|models|infill)$/,
  environment: { keys: ['LLAMACPP_API_KEY'], baseUrl: ['LLAMACPP_BASE_URL'], defaultModel: ['LLAMACPP_MODEL'] },
  capabilities: [...USUAL, AUDIO_INPUT],
  dialect: {
    ...dialect,
    count: llamacppCounter,
    content: ['image', 'audio'],
    efforts: {},
    completions: { ...completionsOf({ tuning: sampling }), suffix: 'infill' },
  },
})

/** https://lmstudio.ai/docs/developer/openai-compat */
const lmstudio = server(
  {
    kind: 'lmstudio',
    baseUrl: 'http://localhost:1234/v1',
    environment: { baseUrl: ['LMSTUDIO_BASE_URL'], defaultModel: ['LMSTUDIO_MODEL'] },
    capabilities: USUAL.filter((capability) => capability !== JSON_OBJECT),
    dialect: { ...dialect, formats: ['json_schema'] },
  },
  lmStudioPull,
)

/** Its port is 8080, as is the gateway's own. https://localai.io/features/text-generation/ */
const localai = server({
  kind: 'localai',
  apiAt: '/v1',
  environment: { keys: ['LOCALAI_API_KEY'], baseUrl: ['LOCALAI_BASE_URL'], defaultModel: ['LOCALAI_MODEL'] },
  capabilities: USUAL,
  dialect,
})

/** https://docs.docker.com/ai/model-runner/api-reference/ */
const dockerModelRunner = server(
  {
    kind: 'docker-model-runner',
    apiAt: '/engines/v1',
    apiPath: /(\/engines(\/[^/]+)?)?\/v1$/,
    environment: { baseUrl: ['DMR_BASE_URL'], defaultModel: ['DMR_MODEL'] },
    capabilities: USUAL,
    dialect: { ...dialect, efforts: {} },
  },
  dockerPull,
)

const anyDialect: OpenAiDialect = {
  ...dialect,
  content: ['image', 'audio', 'file'],
  thoughtSignatures: true,
  embed: { batchInputs: 256, base64: false, dimensions: 'dimensions' },
}

/** Any other server on the operator's own machines. */
const local = server({
  kind: 'local',
  environment: { baseUrl: ['LLM_GATEWAY_LOCAL_BASE_URL'], defaultModel: ['LLM_GATEWAY_LOCAL_MODEL'] },
  capabilities: [...USUAL, AUDIO_INPUT, FILE_INPUT],
  dialect: anyDialect,
})

/** Any other vendor or gateway, such as LiteLLM. Its prices are unknown, and it is not taken for a local server. */
const openAiCompatible: ProviderKind = {
  ...openAiKind({
    kind: 'openai-compatible',
    environment: { keys: ['LITELLM_API_KEY'], baseUrl: ['LITELLM_BASE_URL'] },
    capabilities: [...USUAL, AUDIO_INPUT, FILE_INPUT],
    options: apiOption,
    dialect: {
      ...anyDialect,
      responses: compatibleResponses,
      completions: completionsOf({ tuning: sampling }, 'chat'),
    },
  }),
  alsoKnownAs: ['litellm'],
  selfHosted: true,
  keyOptional: true,
}

export const selfHosted: readonly ProviderKind[] = [
  vllm,
  llamacpp,
  lmstudio,
  localai,
  dockerModelRunner,
  local,
  openAiCompatible,
]
