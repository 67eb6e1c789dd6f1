import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failure, json, type Reply } from '../../../support/upstream-server.ts'
import { type BlameWorld, keyOf, startBlameWorld } from './blame-world.ts'

/*
 * One caller's request meets a failure that may be its own doing. Afterwards a second caller, another model and another
 * task are answered as if it had never been: no key rests, no breaker is open.
 */

interface Row {
  readonly name: string
  readonly kind: string
  readonly reply: Reply
  readonly reason: string
  /** Whether the next target is asked. */
  readonly next: boolean
  /** How many keys are tried. Default: 1. */
  readonly keys?: number
}

const openAi = (status: number, code: string | null, message: string, more = {}) =>
  json({ error: { message, type: 'invalid_request_error', param: null, code, ...more } }, status)
const google = (code: number, status: string, message: string, details: readonly object[] = []) =>
  json({ error: { code, message, status, details } }, code)
const claude = (status: number, type: string, message: string) =>
  json({ type: 'error', error: { type, message }, request_id: 'req_1' }, status)

const INVALID = { reason: 'UPSTREAM_INVALID_REQUEST', next: false }
const MISSING = { reason: 'UPSTREAM_MODEL_MISSING', next: true }
const TOO_LONG = { reason: 'CONTEXT_LENGTH_EXCEEDED', next: false }
const SCHEMA =
  "Invalid schema for function 'f': In context=('properties', 'invalid api key'), schema must have a 'type' key."

const ROWS: readonly Row[] = [
  // 1 and 2: words of the request in the vendor's message.
  {
    name: 'openai, a schema with the words "invalid api key"',
    kind: 'openai',
    reply: openAi(400, 'invalid_function_parameters', SCHEMA),
    ...INVALID,
  },
  { name: 'groq, the same without a code', kind: 'groq', reply: openAi(400, null, SCHEMA), ...INVALID },
  {
    name: 'openai, a service tier "credit balance is too low"',
    kind: 'openai',
    reply: openAi(
      400,
      'invalid_value',
      "Invalid value: 'credit balance is too low'. Supported values are: 'auto', 'default' and 'flex'.",
      { param: 'service_tier' },
    ),
    ...INVALID,
  },
  {
    name: 'mistral, the same unquoted, with a field',
    kind: 'mistral',
    reply: openAi(400, null, 'service_tier must not be credit balance is too low', { param: 'service_tier' }),
    ...INVALID,
  },
  {
    name: 'anthropic, a message that repeats the words of a spent credit',
    kind: 'anthropic',
    reply: claude(
      400,
      'invalid_request_error',
      'messages.0.content: "Your credit balance is too low to access the Anthropic API." is not allowed',
    ),
    ...INVALID,
  },
  {
    name: 'gemini, a schema with the words "API key not valid"',
    kind: 'gemini',
    reply: google(
      400,
      'INVALID_ARGUMENT',
      'Unknown name "API key not valid. Please pass a valid API key." at \'tools[0]\': Cannot find field.',
    ),
    ...INVALID,
  },
  // 3: a filter that answers 403.
  {
    name: 'xai, a prompt that its safety check refuses',
    kind: 'xai',
    reply: json(
      {
        code: 'The caller does not have permission to execute the specified operation',
        error:
          'Content violates usage guidelines. Team: t, API key ID: k, Model: m, Failed check: SAFETY_CHECK_TYPE_BIO',
      },
      403,
    ),
    reason: 'CONTENT_FILTERED',
    next: false,
  },
  {
    name: 'openrouter, a flagged prompt',
    kind: 'openrouter',
    reply: json(
      {
        error: {
          code: 403,
          message:
            'openai/gpt-5 requires moderation on OpenAI. Your input was flagged for "violence". No credits were charged.',
          metadata: { reasons: ['violence'], flagged_input: 'x' },
        },
      },
      403,
    ),
    reason: 'CONTENT_FILTERED',
    next: false,
  },
  // 4 and 5: files.
  {
    name: 'gemini, a file that is gone',
    kind: 'gemini',
    reply: google(403, 'PERMISSION_DENIED', 'You do not have permission to access the File abc or it may not exist.'),
    reason: 'UPSTREAM_FORBIDDEN',
    next: true,
    keys: 2,
  },
  {
    name: 'gemini, a file that is not ready',
    kind: 'gemini',
    reply: google(400, 'FAILED_PRECONDITION', 'The File abc is not in an ACTIVE state and usage is not allowed.'),
    ...INVALID,
  },
  {
    name: 'anthropic, a file of somebody else',
    kind: 'anthropic',
    reply: claude(403, 'permission_error', 'You do not have permission to use this file.'),
    reason: 'UPSTREAM_FORBIDDEN',
    next: true,
    keys: 2,
  },
  // 6: a price that this request alone cannot pay.
  {
    name: 'openrouter, more tokens than its credits pay',
    kind: 'openrouter',
    reply: json(
      {
        error: {
          code: 402,
          message:
            'This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 30104.',
        },
      },
      402,
    ),
    reason: 'UPSTREAM_BILLING',
    next: true,
  },
  // 8: what a router passes on.
  {
    name: 'openrouter, 401 of the vendor behind it',
    kind: 'openrouter',
    reply: json(
      {
        error: {
          code: 401,
          message: 'Provider returned error',
          metadata: { provider_name: 'Acme', raw: '{"error":{"message":"invalid api key"}}' },
        },
      },
      401,
    ),
    reason: 'UPSTREAM_CREDENTIALS',
    next: true,
    keys: 2,
  },
  {
    name: 'openrouter, 403 of the vendor behind it',
    kind: 'openrouter',
    reply: json(
      {
        error: { code: 403, message: 'Provider returned error', metadata: { provider_name: 'Acme', raw: 'forbidden' } },
      },
      403,
    ),
    reason: 'UPSTREAM_FORBIDDEN',
    next: true,
    keys: 2,
  },
  {
    name: 'openrouter, 429 of the vendor behind it',
    kind: 'openrouter',
    reply: json(
      {
        error: {
          code: 429,
          message: 'Provider returned error',
          metadata: { provider_name: 'Google', raw: 'm is temporarily rate-limited upstream.' },
        },
      },
      429,
      { 'retry-after': '30' },
    ),
    reason: 'UPSTREAM_RATE_LIMITED',
    next: true,
    keys: 2,
  },
  // 9: no endpoint can do it.
  {
    name: 'openrouter, no endpoint with tools',
    kind: 'openrouter',
    reply: json({ error: { code: 404, message: 'No endpoints found that support tool use. Try disabling "f".' } }, 404),
    reason: 'UNSUPPORTED',
    next: true,
  },
  // 10: a model that cannot do this task.
  {
    name: 'openai, a model that may not be used for this',
    kind: 'openai',
    reply: openAi(403, null, 'You are not allowed to generate embeddings from this model'),
    reason: 'UPSTREAM_FORBIDDEN',
    next: true,
    keys: 2,
  },
  // 11: larger than the limit by itself.
  {
    name: 'openai, one request larger than the limit',
    kind: 'openai',
    reply: openAi(
      429,
      'rate_limit_exceeded',
      'Request too large for gpt-9 in organization org-x on tokens per min (TPM): Limit 30000, Requested 52000. The input or output tokens must be reduced in order to run successfully.',
      { type: 'tokens' },
    ),
    reason: 'REQUEST_TOO_LARGE',
    next: true,
  },
  {
    name: 'groq, one request larger than the limit',
    kind: 'groq',
    reply: openAi(
      413,
      'rate_limit_exceeded',
      'Request too large for model `m` in organization `org` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 8012, please reduce your message size and try again.',
      { type: 'tokens' },
    ),
    reason: 'REQUEST_TOO_LARGE',
    next: true,
  },
  // Models that were taken away, reported with 400, and addresses that are wrong.
  {
    name: 'groq, a retired model',
    kind: 'groq',
    reply: openAi(400, 'model_decommissioned', 'The model `m` has been decommissioned and is no longer supported.'),
    ...MISSING,
  },
  {
    name: 'huggingface, a model that no provider serves',
    kind: 'huggingface',
    reply: openAi(
      400,
      'model_not_supported',
      "The requested model 'm' is not supported by any provider you have enabled.",
    ),
    ...MISSING,
  },
  {
    name: 'deepseek, a model that does not exist',
    kind: 'deepseek',
    reply: openAi(400, 'invalid_request_error', 'Model Not Exist'),
    ...MISSING,
  },
  {
    name: 'openrouter, an id that is none',
    kind: 'openrouter',
    reply: json({ error: { code: 400, message: 'm is not a valid model ID' } }, 400),
    ...MISSING,
  },
  {
    name: 'local, a name that LiteLLM does not know',
    kind: 'local',
    reply: openAi(
      400,
      '400',
      '/chat/completions: Invalid model name passed in model=m. Call `/v1/models` to view available models for your key.',
    ),
    ...MISSING,
  },
  {
    name: 'openai, a page at an address that is not its own',
    kind: 'openai',
    reply: json('<html>404</html>', 404, { 'content-type': 'text/html' }),
    reason: 'UPSTREAM_PROTOCOL',
    next: true,
  },
  {
    name: 'vllm, a path that its framework does not know',
    kind: 'vllm',
    reply: json({ detail: 'Not Found' }, 404),
    reason: 'UPSTREAM_PROTOCOL',
    next: true,
  },
  // Too long, in many words.
  {
    name: 'vllm, longer than the maximum model length',
    kind: 'vllm',
    reply: openAi(400, null, 'The decoder prompt (length 9001) is longer than the maximum model length of 8192.', {
      type: 'BadRequestError',
    }),
    ...TOO_LONG,
  },
  {
    name: 'together, inputs and new tokens',
    kind: 'together',
    reply: json(
      {
        error: {
          message:
            '`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens and 512 `max_new_tokens`',
          type: 'invalid_request_error',
        },
      },
      422,
    ),
    ...TOO_LONG,
  },
  {
    name: 'huggingface, the same as a text',
    kind: 'huggingface',
    reply: json(
      { error: 'Input validation error: inputs tokens + max_new_tokens must be <= 4097', error_type: 'validation' },
      422,
    ),
    ...TOO_LONG,
  },
  {
    name: 'huggingface, inputs alone',
    kind: 'huggingface',
    reply: json(
      {
        error: 'Input validation error: `inputs` must have less than 4096 tokens. Given: 5000',
        error_type: 'validation',
      },
      422,
    ),
    ...TOO_LONG,
  },
  {
    name: 'lmstudio, greater than the context length',
    kind: 'lmstudio',
    reply: json(
      {
        error:
          'The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 5000>= n_ctx: 4096).',
      },
      400,
    ),
    ...TOO_LONG,
  },
  { name: 'llamacpp, n_keep >= n_ctx', kind: 'llamacpp', reply: openAi(400, null, 'n_keep >= n_ctx'), ...TOO_LONG },
  {
    name: 'llamacpp, context size exceeded',
    kind: 'llamacpp',
    reply: openAi(500, null, 'Context size has been exceeded.', { type: 'server_error' }),
    ...TOO_LONG,
  },
  {
    name: 'gemini, more tokens than the model supports',
    kind: 'gemini',
    reply: google(400, 'INVALID_ARGUMENT', 'The input token count is 1200000 but model only supports up to 1048576.'),
    ...TOO_LONG,
  },
  {
    name: 'anthropic, a prompt that is too long',
    kind: 'anthropic',
    reply: claude(400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
    ...TOO_LONG,
  },
  // What a model cannot do, on the wires of OpenAI and Anthropic.
  {
    name: 'local, a model without tools',
    kind: 'local',
    reply: openAi(400, null, 'registry.ollama.ai/library/m:latest does not support tools', { type: 'api_error' }),
    reason: 'UNSUPPORTED',
    next: true,
  },
  {
    name: 'anthropic, a model without images',
    kind: 'anthropic',
    reply: claude(400, 'invalid_request_error', 'm does not support images'),
    reason: 'UNSUPPORTED',
    next: true,
  },
  {
    name: 'ollama, a model without tools',
    kind: 'ollama',
    reply: json({ error: '"m" does not support tools' }, 400),
    reason: 'UNSUPPORTED',
    next: true,
  },
  // Ambiguous everywhere.
  ...[
    'openai',
    'groq',
    'xai',
    'mistral',
    'openrouter',
    'together',
    'fireworks',
    'cerebras',
    'anthropic',
    'gemini',
    'azure',
  ].map(
    (kind): Row => ({
      name: `${kind}, 403 without a code`,
      kind,
      reply: kind === 'gemini' ? google(403, 'PERMISSION_DENIED', 'Denied.') : failure(403),
      reason: 'UPSTREAM_FORBIDDEN',
      next: true,
      keys: 2,
    }),
  ),
]

const CHAT_ONLY = ['groq', 'xai', 'deepseek', 'cerebras', 'huggingface', 'anthropic', 'perplexity']
/** Reasons after which no further request is sent to this model for a while: it does not exist. */
const MODEL_RESTS = ['UPSTREAM_MODEL_MISSING']

let world: BlameWorld

beforeAll(async () => {
  world = await startBlameWorld(ROWS.map(({ kind, reply }, index) => ({ name: `p${index}`, kind, reply })))
})

afterAll(() => world.close())

test.each(ROWS.map((row, index) => ({ ...row, provider: `p${index}` })))(
  '$name',
  async ({ kind, reason, next, keys = 1, provider }) => {
    const first = await world.poisoned(`${provider}/m`, 'first')
    expect(first.error?.reason).toBe(reason)
    const missing = MODEL_RESTS.includes(reason)
    const tried = missing ? 3 : keys
    expect(new Set(world.hits(provider).map(keyOf)).size).toBe(kind === 'ollama' ? 1 : tried)

    const { value, error } = await world.poisoned(`${provider}-or-other`, 'second')
    expect(value?.route?.provider).toBe(next ? 'other' : undefined)
    if (!next) expect(error?.reason).toBe(reason)

    const { sameModel, ...others } = await world.othersAreAnswered(provider, !CHAT_ONLY.includes(kind))
    expect(new Set(Object.values(others))).toEqual(new Set(['ok']))
    // A model that does not exist is the one thing that holds for everybody.
    if (!missing) expect(sameModel).toBe('ok')
    for (const key of await world.keysOf(provider)) {
      expect(key).toMatchObject({ state: missing ? 'COOLING' : 'AVAILABLE', reason: '' })
    }
    expect(await world.breakerOf(provider)).toBe('CLOSED')
  },
)

describe('afterwards', () => {
  test('nothing was logged about keys or breakers', () => {
    const lines = world.gateway.output()
    expect(lines).not.toContain('"key quarantined"')
    expect(lines).not.toContain('"breaker changed"')
  })
})
