import type { Sign } from '../../failures/sign.ts'

const ERRORS = 'https://ai.google.dev/gemini-api/docs/troubleshooting, recorded replies, 2026-11'
/* Codes: https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto */

/** What Gemini's failed replies say: `ErrorInfo.reason` in their details is the code, where they have one. */
export const geminiSigns: readonly Sign[] = [
  {
    reason: 'UPSTREAM_CREDENTIALS',
    status: [400, 403],
    code: /^(API_KEY_(INVALID|SERVICE_BLOCKED|HTTP_REFERRER_BLOCKED|IP_ADDRESS_BLOCKED)|CONSUMER_(INVALID|SUSPENDED)|ACCESS_TOKEN_\w{1,40}|CREDENTIALS_MISSING|SERVICE_DISABLED|USER_PROJECT_DENIED)$/,
  },
  {
    reason: 'UPSTREAM_CREDENTIALS',
    status: [400, 403],
    sentences: [
      'API key not valid. Please pass a valid API key.',
      'API key expired. Please renew the API key.',
      'API Key not found. Please pass a valid API key.',
      'Your API key was reported as leaked. Please use another API key.',
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
    ],
    source: ERRORS,
  },
  {
    reason: 'UPSTREAM_BILLING',
    status: [400],
    sentences: [
      'User location is not supported for the API use.',
      'User location is not supported for the API use without a billing account linked.',
      'Gemini API free tier is not available in your country. Please enable billing on your project in Google AI Studio.',
    ],
    source: ERRORS,
    advice: 'The vendor does not serve this account from here: check its billing and region.',
  },
  {
    reason: 'UPSTREAM_MODEL_MISSING',
    blame: 'key for model',
    status: [404],
    sentences: [
      'models/{} is not found for API version {}, or is not supported for {}. Call ListModels to see the list of available models and their supported methods.',
      'models/{} is not found for API version {}, or is not supported for {}. Call ModelService.ListModels to see the list of available models and their supported methods.',
      'Publisher Model {} not found.',
      'This model {} is no longer available. Please update your code to use a newer model for the latest features and improvements.',
    ],
    source: ERRORS,
  },
  {
    reason: 'UPSTREAM_INVALID_REQUEST',
    status: [400],
    words: /thought[ _]?signature/i,
    fallback: true,
    advice:
      'It refuses the signatures of an earlier answer: they are from another vendor, or the conversation before them has changed. Leave them out.',
  },
]
