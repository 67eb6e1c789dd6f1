import type { Reason } from '../../domain/errors/reasons.ts'
import type { Sign, StatusSign } from './sign.ts'

/*
 * What failed replies mean, for every kind. A kind's own signs come before these; the first that fits decides. Codes
 * and whole sentences stand before words, because only they are clear evidence.
 */

const CLIENT_ERROR = [400, 413, 422]
/** Some servers answer 500 to what the request is at fault for. */
const REFUSED = [400, 404, 413, 422, 500]
/** In ms. */
const OVERLOAD_WAIT = 1_000

export const codeSigns: readonly Sign[] = [
  {
    reason: 'CONTEXT_LENGTH_EXCEEDED',
    status: [...CLIENT_ERROR, 500],
    code: /context_length_exceeded|exceed_context_size|string_above_max_length|context_window/i,
  },
  {
    reason: 'CONTENT_FILTERED',
    status: [400, 403, 422],
    code: /content_filter|content_policy|ResponsibleAIPolicyViolation|content_moderation|moderation_blocked|sensitive|data_inspection_failed/i,
  },
  {
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
    status: [400, 402, 403, 429],
    code: /insufficient_quota|credit_balance_exhausted|billing_hard_limit|exceeded_current_quota|quota_exceeded/i,
  },
  {
    reason: 'UPSTREAM_BILLING',
    status: [400, 402, 403, 429],
    code: /billing_not_active|billing_error|billing_disabled|account_suspended/i,
  },
  {
    reason: 'UPSTREAM_CREDENTIALS',
    status: [400, 403],
    code: /invalid_api_key|api_key_(invalid|expired)|authentication_error|invalid_authentication|account_deactivated/i,
  },
  {
    reason: 'UPSTREAM_MODEL_MISSING',
    blame: 'key for model',
    status: [400, 403, 404, 410, 422],
    code: /^(model_not_found|model_not_exist\w{0,16}|invalid_model\w{0,16}|model_decommissioned|model_not_supported|model_not_available|DeploymentNotFound)$/i,
  },
  {
    reason: 'UPSTREAM_OVERLOADED',
    status: [429],
    code: /slow_down|overloaded/i,
    wait: OVERLOAD_WAIT,
  },
]

/** Sentences of servers and routers that are met behind several kinds. */
export const sentenceSigns: readonly Sign[] = [
  {
    reason: 'UPSTREAM_MODEL_MISSING',
    blame: 'key for model',
    status: [400, 404, 422],
    sentences: [
      'Model Not Exist',
      '{} is not a valid model ID',
      'Invalid model name passed in model={}',
      '{} Invalid model name passed in model={}. Call `/v1/models` to view available models for your key.',
      'The model {} does not exist.',
      'The model {} does not exist or you do not have access to it.',
      'The requested model {} does not exist.',
      'The model {} has been decommissioned and is no longer supported. Please refer to https://console.groq.com/docs/deprecations for a recommendation on which model to use instead.',
    ],
    source: 'DeepSeek, OpenRouter, LiteLLM, vLLM, OpenAI and Groq: recorded replies, 2026-11',
  },
  {
    reason: 'UPSTREAM_PROTOCOL',
    status: [404],
    sentences: ['Not Found', 'File Not Found', '404 page not found', 'Resource not found', 'Page not found'],
    source:
      'What web frameworks answer for a path that no server of the kind has: FastAPI, llama.cpp, Go, Azure, 2026-11',
    advice: 'There is nothing of its API at this address: check base_url.',
  },
]

/** The order matters: what a caller can have caused stands before what may be the key's. */
export const wordSigns: readonly Sign[] = [
  {
    reason: 'CONTEXT_LENGTH_EXCEEDED',
    status: [...CLIENT_ERROR, 500],
    words:
      /(maximum|exceed\w{0,4}|larger than|greater than|available|model's|longer than)[^.]{0,60}\b(context|prompt) (length|window|size)|maximum context|context (length|window|size) (is|of|exceeded|has been exceeded)|exceed context limit|prompt is too long|(input|prompt) token count[^.]{0,40}(exceed|supports up to)|too many (input )?tokens|reduce the length of the (messages|input|prompt)|maximum model length|tokens \+ {1,2}(max_new_tokens )?must be <=|must have less than \d{1,9} tokens|n_keep >= n_ctx|input tokens exceed/i,
  },
  {
    reason: 'UPSTREAM_FORBIDDEN',
    status: [400, 403],
    words: /\b(account|organization|project|team|workspace)\b[^.]{0,60}\b(disabled|suspended|deactivated|terminated)/i,
    generalOnly: true,
  },
  {
    reason: 'CONTENT_FILTERED',
    status: [400, 403, 422],
    words:
      /content filter|content management policy|usage (guidelines|polic(y|ies))|safety (system|policy|check)|SAFETY_CHECK_TYPE|(prompt|input|content|request|messages?)\b[^.]{0,40}\b(flagged|moderat)|requires moderation/i,
  },
  {
    // This request alone is larger than the limit: waiting does not help, another target may.
    reason: 'REQUEST_TOO_LARGE',
    status: [413, 429],
    words: /request too large for|limit:? \d{1,12}, requested:? \d{1,12}/i,
    fallback: true,
  },
  {
    reason: 'UNSUPPORTED',
    status: REFUSED,
    words:
      /does(n't| not) support (tools?|tool (use|calls?|calling)|function calling|images?|image input|vision|audio|thinking|chat|generate|insert|embeddings?|embed|completions?)\b|no endpoints found that support/i,
    advice:
      'This model cannot do what the call asks of it: tools, images, thinking, filling in the middle or embeddings.',
  },
  {
    // llama.cpp, of a model that has no tokens for a gap.
    reason: 'UNSUPPORTED',
    status: [501],
    words: /infill is not supported by this model/i,
    advice: 'This model cannot fill in the middle.',
  },
  {
    reason: 'UPSTREAM_PROTOCOL',
    status: [404],
    words: /^(invalid url|unknown request url|no route|cannot (get|post))/i,
    advice: 'There is nothing of its API at this address: check base_url.',
  },
  {
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
    status: [400, 403, 429],
    words:
      /credit balance is too low|insufficient (credits|balance|quota)|exceeded your current quota|reached your specified (\w{1,20} )?API usage limits/i,
    generalOnly: true,
  },
  {
    reason: 'UPSTREAM_CREDENTIALS',
    status: [400, 403],
    words:
      /(incorrect|invalid|missing) api key|api key (not valid|not found|is invalid|expired|was reported as leaked)|unregistered callers/i,
    generalOnly: true,
  },
]

export const statusSigns: readonly StatusSign[] = [
  { reason: 'UPSTREAM_CREDENTIALS', status: [401] },
  // Some vendors charge an account with it, others refuse one request: kinds of the former say so.
  { reason: 'UPSTREAM_BILLING', status: [402], blame: 'maybe key' },
  { reason: 'UPSTREAM_FORBIDDEN', status: [403] },
  { reason: 'LOCAL_MODEL_MISSING', status: [404], local: true },
  { reason: 'UPSTREAM_MODEL_MISSING', status: [404, 410] },
  { reason: 'UPSTREAM_TRANSIENT', status: [408, 409] },
  { reason: 'REQUEST_TOO_LARGE', status: [413] },
  { reason: 'UPSTREAM_DEPENDENCY', status: [424] },
  {
    reason: 'UPSTREAM_OVERLOADED',
    status: [429],
    local: true,
    wait: OVERLOAD_WAIT,
    advice: "The local server's queue is full. Try again later.",
  },
  { reason: 'UPSTREAM_RATE_LIMITED', status: [429] },
  { reason: 'UPSTREAM_OVERLOADED', status: [503, 529], wait: OVERLOAD_WAIT },
  // No spare capacity for this one call, and one that the vendor gave up.
  { reason: 'UPSTREAM_OVERLOADED', blame: 'request', status: [498], wait: OVERLOAD_WAIT },
  {
    reason: 'UPSTREAM_ERROR',
    retry: false,
    blame: 'request',
    status: [499],
    advice: 'The vendor gave up the request.',
  },
  { reason: 'UPSTREAM_PROTOCOL', status: [405, 415, 501] },
  { reason: 'UPSTREAM_GATEWAY', status: [502, 504, 520, 521, 522, 523, 524] },
]

const SHORTEN = 'Shorten the conversation or ask a model with a larger context.'

/** What to do about each reason, where a sign has no better advice. */
export const usualAdvice: { readonly [R in Reason]?: string } = {
  CONTEXT_LENGTH_EXCEEDED: SHORTEN,
  CONTENT_FILTERED: "The vendor's content filter refused the request.",
  REQUEST_TOO_LARGE: 'Send less: the vendor refuses requests of this size.',
  UNSUPPORTED: 'This model cannot do what the call asks of it.',
  UPSTREAM_QUOTA_EXHAUSTED: "The account's quota is spent: check its plan and billing.",
  UPSTREAM_RATE_LIMITED: 'Wait, or add keys or fallback targets.',
  UPSTREAM_CREDENTIALS: 'Check the key of this provider.',
  UPSTREAM_BILLING: "Check the account's billing.",
  UPSTREAM_FORBIDDEN: 'The account may not do this: check its permissions and region.',
  UPSTREAM_MODEL_MISSING: 'The vendor does not know this model or deployment: check its id and base_url.',
  LOCAL_MODEL_MISSING: 'Pull the model on the local server, or check its id and base_url.',
  UPSTREAM_TRANSIENT: 'Try again.',
  UPSTREAM_DEPENDENCY: 'A tool that the vendor runs has failed.',
  UPSTREAM_OVERLOADED: 'The vendor is overloaded. Try again later.',
  UPSTREAM_PROTOCOL: 'The vendor does not offer this operation: check base_url and kind.',
  UPSTREAM_GATEWAY: 'A proxy of the vendor failed. The request may have been processed.',
  UPSTREAM_INVALID_REQUEST: 'The vendor refused the request as invalid.',
  UPSTREAM_REDIRECT: 'Redirects are not followed: check base_url.',
  UPSTREAM_ERROR: 'The vendor failed. Try again later.',
  UPSTREAM_MALFORMED: 'The reply is not what its API says: check base_url and kind.',
}
