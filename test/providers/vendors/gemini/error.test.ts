import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failedReply } from '../../../../src/providers/failures/failed-reply.ts'
import { geminiSigns } from '../../../../src/providers/vendors/failures/gemini.ts'
import { readError } from '../../../../src/providers/vendors/gemini/error.ts'

const detail = (name: string, fields: object) => ({ '@type': `type.googleapis.com/google.rpc.${name}`, ...fields })

function body(code: number, status: string, message: string, ...details: readonly object[]) {
  return { error: { code, status, message, ...(details.length > 0 && { details }) } }
}

const wrongKey = body(400, 'INVALID_ARGUMENT', 'API key not valid.', detail('ErrorInfo', { reason: 'API_KEY_INVALID' }))
const perMinute = body(
  429,
  'RESOURCE_EXHAUSTED',
  'You exceeded your current quota, please check your plan and billing details.',
  detail('QuotaFailure', { violations: [{ quotaId: 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier' }] }),
  detail('RetryInfo', { retryDelay: '34.0748s' }),
)

describe('an error body', () => {
  it.each([
    [
      'with its details',
      wrongKey,
      { status: 400, type: 'INVALID_ARGUMENT', code: 'API_KEY_INVALID', message: 'API key not valid.' },
    ],
    [
      'of a limit',
      perMinute,
      {
        status: 429,
        type: 'RESOURCE_EXHAUSTED',
        code: 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier',
        message: 'You exceeded your current quota, please check your plan and billing details.',
        retryAfter: 34_075,
      },
    ],
    [
      'of a field',
      body(400, 'INVALID_ARGUMENT', 'Bad.', detail('BadRequest', { fieldViolations: [{ field: 'contents[0].role' }] })),
      { status: 400, type: 'INVALID_ARGUMENT', code: 'INVALID_ARGUMENT', message: 'Bad.', param: 'contents[0].role' },
    ],
    [
      'in a list',
      [body(404, 'NOT_FOUND', 'No.')],
      { status: 404, type: 'NOT_FOUND', code: 'NOT_FOUND', message: 'No.' },
    ],
    [
      'without what is around it',
      { code: 403, message: 'No.', status: 'PERMISSION_DENIED' },
      { status: 403, type: 'PERMISSION_DENIED', code: 'PERMISSION_DENIED', message: 'No.' },
    ],
    ['as text', 'upstream connect error', { message: 'upstream connect error' }],
    ['as a page', '<html>', undefined],
    ['of another sort', { detail: 'Not Found' }, undefined],
    ['that says nothing', { error: {} }, undefined],
  ])('%s', (_, given, expected) => {
    expect(readError(given)).toEqual(expected)
  })

  it('never makes the reader throw', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void readError({ error: { details: value, code: value } })))
  })
})

describe('a failed reply', () => {
  const failed = (status: number, given: object) =>
    failedReply({
      provider: 'gemini',
      signs: geminiSigns,
      isVendors: true,
      model: 'm',
      local: false,
      status,
      headers: {},
      error: readError(given),
      now: 0,
    })

  it.each([
    [400, wrongKey, 'UPSTREAM_CREDENTIALS'],
    [400, body(400, 'INVALID_ARGUMENT', 'API key expired. Please renew the API key.'), 'UPSTREAM_CREDENTIALS'],
    [403, body(403, 'PERMISSION_DENIED', "Method doesn't allow unregistered callers."), 'UPSTREAM_CREDENTIALS'],
    [403, body(403, 'PERMISSION_DENIED', 'Your API key was reported as leaked.'), 'UPSTREAM_CREDENTIALS'],
    [403, body(403, 'PERMISSION_DENIED', 'You do not have permission.'), 'UPSTREAM_FORBIDDEN'],
    [400, body(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.'), 'UPSTREAM_BILLING'],
    [
      400,
      body(400, 'INVALID_ARGUMENT', 'The input token count (12) exceeds the maximum number of tokens allowed (9).'),
      'CONTEXT_LENGTH_EXCEEDED',
    ],
    [400, body(400, 'INVALID_ARGUMENT', 'Unknown name "x".'), 'UPSTREAM_INVALID_REQUEST'],
    [400, body(400, 'INVALID_ARGUMENT', 'Corrupted thought signature.'), 'UPSTREAM_INVALID_REQUEST'],
    [404, body(404, 'NOT_FOUND', 'models/x is not found.'), 'UPSTREAM_MODEL_MISSING'],
    [429, perMinute, 'UPSTREAM_RATE_LIMITED'],
    [500, body(500, 'INTERNAL', 'An internal error has occurred.'), 'UPSTREAM_ERROR'],
    [503, body(503, 'UNAVAILABLE', 'The model is overloaded.'), 'UPSTREAM_OVERLOADED'],
    [504, body(504, 'DEADLINE_EXCEEDED', 'Deadline expired.'), 'UPSTREAM_GATEWAY'],
  ])('%i %j', (status, given, reason) => {
    expect(failed(status, given).reason).toBe(reason)
  })

  it.each([
    ['Corrupted thought signature.', true],
    ['Function call is missing a thought_signature in functionCall parts.', true],
    ['Unknown name "x".', false],
  ])('may fall back only where another vendor may take the conversation: %s', (message, fallback) => {
    expect(failed(400, body(400, 'INVALID_ARGUMENT', message)).fallback).toBe(fallback)
  })

  it('tells how long to wait', () => {
    expect(failed(429, perMinute)).toMatchObject({ retry: true, fallback: true, facts: { retryAfter: 34_075 } })
  })
})
