import type { Sign } from '../../failures/sign.ts'

/** https://platform.openai.com/docs/guides/error-codes */
export const openAiSigns: readonly Sign[] = [
  {
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
    status: [429],
    sentences: [
      'You exceeded your current quota, please check your plan and billing details.',
      'You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: {}',
    ],
    source: 'https://platform.openai.com/docs/guides/error-codes, recorded replies, 2026-11',
  },
]

/** https://console.groq.com/docs/errors */
export const groqSigns: readonly Sign[] = [
  {
    // The organization or the project may not use this model; others it may.
    reason: 'UPSTREAM_FORBIDDEN',
    blame: 'key for model',
    status: [403],
    code: /^model_permission_blocked_(org|project)$/,
  },
  {
    reason: 'UPSTREAM_MODEL_MISSING',
    blame: 'key for model',
    status: [400],
    code: /^model_terms_required$/,
    advice: 'The account has not accepted the terms of this model.',
  },
  {
    // Generated tool calls that do not parse: another sample may.
    reason: 'UPSTREAM_INVALID_REQUEST',
    status: [422],
    retry: true,
    fallback: true,
    advice: 'The vendor could not process the request.',
  },
]

/** It refuses a wrong key with 400. https://docs.x.ai/docs/api-reference */
export const xaiSigns: readonly Sign[] = [
  {
    reason: 'UPSTREAM_CREDENTIALS',
    status: [400, 403],
    sentences: [
      'Incorrect API key provided: {}. You can obtain an API key from https://console.x.ai.',
      'Incorrect API key provided. You can obtain an API key from https://console.x.ai.',
      'Incorrect API key provided: {}.',
      'Incorrect API key provided.',
    ],
    source: 'Recorded replies, 2026-11',
  },
]

/** They charge an account before a request: 402 says that it is empty. */
export const chargedBefore: readonly Sign[] = [{ reason: 'UPSTREAM_BILLING', blame: 'key', status: [402] }]

/** https://openrouter.ai/docs/api-reference/errors */
export const openRouterSigns: readonly Sign[] = [
  // It has more credits than none, but not enough for this request.
  { reason: 'UPSTREAM_BILLING', blame: 'request', status: [402] },
  {
    reason: 'UPSTREAM_MODEL_MISSING',
    blame: 'key for model',
    status: [404],
    sentences: ['No endpoints found for {}.', 'No allowed providers are available for the selected model.'],
    source: 'https://openrouter.ai/docs/api-reference/errors, recorded replies, 2026-11',
  },
]
