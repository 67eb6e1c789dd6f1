import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readError } from '../../../../src/providers/vendors/openai/error.ts'

describe('an error body', () => {
  it.each([
    [
      "OpenAI's",
      { error: { message: 'No such model.', type: 'invalid_request_error', code: 'model_not_found', param: 'model' } },
      { message: 'No such model.', type: 'invalid_request_error', code: 'model_not_found', param: 'model' },
    ],
    ['with nulls', { error: { message: 'Bad.', type: null, code: null, param: null } }, { message: 'Bad.' }],
    ["xAI's", { code: 'invalid-argument', error: 'Wrong key.' }, { code: 'invalid-argument', message: 'Wrong key.' }],
    ['a text alone', { error: 'model "x" not found' }, { message: 'model "x" not found' }],
    [
      "Mistral's",
      { object: 'error', message: 'Unavailable.', type: 'internal_server_error', param: null, code: '1000' },
      { message: 'Unavailable.', type: 'internal_server_error', code: '1000' },
    ],
    [
      "Mistral's of a field",
      {
        object: 'error',
        message: { detail: [{ loc: ['body', 'tools', 0], msg: 'Extra inputs', type: 'extra' }] },
        type: 'invalid_request_error',
      },
      { message: 'Extra inputs', param: 'tools.0', type: 'invalid_request_error' },
    ],
    ["FastAPI's", { detail: [{ loc: ['body', 'stop'], msg: 'Too many.' }] }, { message: 'Too many.', param: 'stop' }],
    ['a detail', { detail: 'Not Found' }, { message: 'Not Found' }],
    [
      "vLLM's",
      { object: 'error', message: 'Too long.', type: 'BadRequestError', param: null, code: 400 },
      { message: 'Too long.', type: 'BadRequestError', code: '400', status: 400 },
    ],
    ["Ollama's in Go's spelling", { StatusCode: 429, error: 'Slow.' }, { message: 'Slow.', status: 429 }],
    ["Groq's in a stream", { error: { message: 'Failed.', status_code: 503 } }, { message: 'Failed.', status: 503 }],
    [
      "Azure's",
      {
        error: {
          message: 'Filtered.',
          code: 'content_filter',
          status: 400,
          innererror: { code: 'ResponsibleAIPolicyViolation' },
        },
      },
      { message: 'Filtered.', code: 'content_filter', status: 400, type: 'ResponsibleAIPolicyViolation' },
    ],
    [
      "OpenRouter's, with what the vendor behind it said",
      { error: { code: 429, message: 'Provider returned error', metadata: { raw: 'model is rate-limited upstream' } } },
      {
        code: '429',
        status: 429,
        message: 'Provider returned error model is rate-limited upstream',
        relayed: true,
      },
    ],
    [
      'the same, as JSON',
      {
        error: {
          code: 400,
          message: 'Provider returned error',
          metadata: { raw: '{"error":{"message":"prompt is too long"}}' },
        },
      },
      { code: '400', status: 400, message: 'Provider returned error prompt is too long', relayed: true },
    ],
    [
      "Google's, a list with a delay",
      [
        {
          error: {
            code: 429,
            message: 'Slow.',
            status: 'RESOURCE_EXHAUSTED',
            details: [{ '@type': 'RetryInfo', retryDelay: '1.5s' }],
          },
        },
      ],
      { code: '429', status: 429, type: 'RESOURCE_EXHAUSTED', message: 'Slow.', retryAfter: 1500 },
    ],
    ['a list of texts', { error: ['Input is empty.'] }, { message: 'Input is empty.' }],
    ['plain text', 'upstream connect error\n', { message: 'upstream connect error' }],
  ])('is read: %s', (_, body, expected) => {
    expect(readError(body)).toEqual(expected)
  })

  it.each([[''], ['  '], ['<!DOCTYPE html><h1>502</h1>'], [{}], [{ error: {} }], [[]], [null], [undefined], [7]])(
    'says nothing: %j',
    (body) => {
      expect(readError(body)).toBeUndefined()
    },
  )

  it('is cut where it is long', () => {
    expect(readError({ error: { message: 'x'.repeat(10_000) } })?.message).toHaveLength(4096)
  })

  it('of any shape does not throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        readError(body)
        readError({ error: body })
        readError({ error: { message: body, code: body, details: body, metadata: { raw: body }, innererror: body } })
      }),
    )
  })

  it('is not seen in a good embedding reply', () => {
    const reply = {
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
      model: 'm',
      usage: { prompt_tokens: 1 },
    }
    expect(readError(reply)).toBeUndefined()
  })
})
