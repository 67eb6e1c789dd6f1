import type { Sign } from '../../failures/sign.ts'

const ERRORS = 'https://platform.claude.com/docs/en/api/errors, recorded replies, 2026-11'

/** What Anthropic's failed replies say that no structured code does. */
export const anthropicSigns: readonly Sign[] = [
  {
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
    status: [400, 402, 403],
    sentences: [
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
      'Your credit balance is too low to access the Claude API. Please go to Plans & Billing to upgrade or purchase credits.',
      'Your credit balance is too low to access the API. Please go to Plans & Billing to upgrade or purchase credits.',
      'You have reached your specified API usage limits. You will regain access on {} at {} UTC.',
      'You have reached your specified workspace API usage limits. You will regain access on {} at {} UTC.',
    ],
    source: ERRORS,
  },
  {
    reason: 'UPSTREAM_FORBIDDEN',
    blame: 'key',
    status: [400, 403],
    sentences: ['This organization has been disabled.'],
    source: ERRORS,
    advice: 'The vendor has disabled the account.',
  },
  {
    reason: 'UPSTREAM_MODEL_MISSING',
    blame: 'key for model',
    status: [404],
    sentences: ['model: {}'],
    source: ERRORS,
  },
  {
    reason: 'CONTENT_FILTERED',
    status: [400],
    words: /blocked by content filtering policy/i,
    advice: "The vendor's content filter blocked the answer.",
  },
  {
    reason: 'UPSTREAM_INVALID_REQUEST',
    status: [400],
    words: /invalid `?signature`? in `?thinking`? block|invalid {1,2}in {1,2}block/i,
    fallback: true,
    advice:
      'It refuses the reasoning of an earlier answer: it is from another vendor, or the conversation before it has changed. Leave it out.',
  },
]
