import { create } from '@bufbuild/protobuf'
import { ConnectError } from '@connectrpc/connect'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CallRecord } from '../../src/domain/calls/call-record.ts'
import { type ErrorFacts, GatewayError, type UpstreamFailure } from '../../src/domain/errors/error.ts'
import { codes, type Reason, reasons } from '../../src/domain/errors/reasons.ts'
import {
  AttemptOutcome,
  ErrorDetailSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
  UsageSchema,
} from '../../src/domain/types.ts'
import { errorReply, toConnectError, toHeaders } from '../../src/server/errors.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { detailsOf } from '../support/test-client.ts'

const clock = new FakeClock()

function grpcStatusOf(error: GatewayError, record = new CallRecord(clock)) {
  const headers = toHeaders(errorReply(error, record))
  const raw = Buffer.from(headers['grpc-status-details-bin'] ?? '', 'base64')
  const details = decodeURI(headers['grpc-message'] ?? '')
  return { ...detailsOf(raw), details, sent: headers['grpc-status'], pushback: headers['grpc-retry-pushback-ms'] }
}

function recordOf(attempts: number, model = 'model'): CallRecord {
  const record = new CallRecord(clock)
  for (let i = 0; i < attempts; i++) {
    record.fail(record.begin('openai', `${model}-${i}`), AttemptOutcome.FAILED, 'UPSTREAM_TIMEOUT')
  }
  return record
}

describe('the status of an error', () => {
  it('tells who failed, where, and what was tried', () => {
    const record = recordOf(2)
    record.streamed = true
    Object.assign(record.attempts.at(-1) ?? {}, { committed: true, usage: create(UsageSchema, { input: 11 }) })
    const error = new GatewayError('UPSTREAM_RATE_LIMITED', 'openai limits the rate.', {
      provider: 'openai',
      model: 'gpt',
      retryAfter: 1500,
      upstream: { status: 429, code: 'rate_limit', requestId: 'req_1' },
    })
    const status = grpcStatusOf(error, record)
    expect(status).toMatchObject({
      code: 8,
      sent: '8',
      message: 'openai limits the rate.',
      details: 'openai limits the rate.',
    })
    expect(status.info).toMatchObject({
      reason: 'UPSTREAM_RATE_LIMITED',
      domain: 'llmgateway.v1',
      metadata: {
        origin: 'provider',
        provider: 'openai',
        target: 'openai/gpt',
        upstream_status: '429',
        upstream_code: 'rate_limit',
        upstream_request_id: 'req_1',
        attempts: '2',
        committed: 'true',
      },
    })
    expect(status.retry?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 })
    expect(status.pushback).toBe('1500')
    expect(status.attempts?.attempts.map((attempt) => attempt.model)).toEqual(['model-0', 'model-1'])
    expect(status.attempts).toMatchObject({ committed: true, usage: { input: 11 } })
  })

  it('says nothing of what is not known', () => {
    const status = grpcStatusOf(new GatewayError('NO_PROVIDERS', 'No provider is configured.'))
    expect(status.info?.metadata).toEqual({ origin: 'gateway' })
    expect([status.retry, status.badRequest, status.pushback]).toEqual([undefined, undefined, undefined])
  })

  it('names the fields that are wrong', () => {
    const fields = [{ field: 'messages[2].parts[0].image', description: 'has no source' }]
    const status = grpcStatusOf(new GatewayError('INVALID_REQUEST', 'wrong', { fields }))
    expect(status.badRequest?.fieldViolations).toMatchObject(fields)
  })

  it.each<[string, Reason, ErrorFacts, string | undefined]>([
    ['caps a long wait at an hour', 'UPSTREAM_RATE_LIMITED', { retryAfter: 1e9 }, '3600000'],
    ['leaves out a wait that is no number', 'UPSTREAM_RATE_LIMITED', { retryAfter: Number.NaN }, undefined],
    ['leaves out a negative wait', 'UPSTREAM_RATE_LIMITED', { retryAfter: -5 }, undefined],
    ['forbids another try when the quota is spent', 'UPSTREAM_QUOTA_EXHAUSTED', { retryAfter: 1000 }, '-1'],
  ])('%s', (_name, reason, facts, pushback) => {
    expect(grpcStatusOf(new GatewayError(reason, 'wait', facts)).pushback).toBe(pushback)
  })

  it('hides what an internal error says', () => {
    const status = grpcStatusOf(new GatewayError('INTERNAL', 'cannot read sk-secret of undefined'))
    expect(status.message).toBe('The gateway failed; its log says why.')
  })

  it('gives every reason its code in both protocols', () => {
    for (const reason of Object.keys(reasons) as Reason[]) {
      const error = new GatewayError(reason, 'text')
      expect(grpcStatusOf(error).code).toBe(codes[error.code])
      expect(toConnectError(errorReply(error, new CallRecord(clock))).code).toBe(codes[error.code])
    }
  })

  it("has a vendor's own words only where the operator shows them", () => {
    const wordsOf = (upstream: UpstreamFailure) => {
      const error = new GatewayError('UPSTREAM_ERROR', 'It failed.', { upstream })
      return toConnectError(errorReply(error, recordOf(1))).findDetails(ErrorDetailSchema)[0]?.upstreamMessage
    }
    expect(wordsOf({ message: 'Out of order.' })).toBe('')
    expect(wordsOf({ message: 'Out of order.', isMessagePublic: true })).toBe('Out of order.')
  })

  it('is the same for Connect', () => {
    const error = toConnectError(
      errorReply(new GatewayError('UPSTREAM_OVERLOADED', 'busy', { retryAfter: 200 }), recordOf(1)),
    )
    expect(error).toBeInstanceOf(ConnectError)
    expect(error.rawMessage).toBe('busy')
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'UPSTREAM_OVERLOADED' })
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.nanos).toBe(200_000_000)
    expect(error.findDetails(ErrorDetailSchema)[0]?.attempts).toHaveLength(1)
    expect(error.metadata.get('grpc-retry-pushback-ms')).toBe('200')
  })
})

describe('the size of a status', () => {
  /** As grpcio counts it: names and values, binary ones in base64, and 32 for each header. */
  function headerBytes(error: GatewayError, record: CallRecord): number {
    let sum = 0
    const headers = {
      ':status': '200',
      'content-type': 'application/grpc+proto',
      date: new Date(0).toUTCString(),
      'x-request-id': 'call-7',
      ...toHeaders(errorReply(error, record)),
    }
    for (const [name, value] of Object.entries(headers)) sum += name.length + String(value).length + 32
    return sum
  }

  it('drops the oldest attempts first, and keeps code, reason and message', () => {
    const record = recordOf(16, 'm'.repeat(250))
    const status = grpcStatusOf(new GatewayError('UPSTREAM_TIMEOUT', 'All failed.', { provider: 'openai' }), record)
    expect(status.bytes).toBeLessThanOrEqual(4096)
    expect(status).toMatchObject({ code: 14, message: 'All failed.', info: { reason: 'UPSTREAM_TIMEOUT' } })
    const kept = status.attempts?.attempts.length ?? 0
    expect(kept).toBeGreaterThan(5)
    expect(status.attempts?.attempts.at(-1)?.model).toMatch(/-15$/)
    expect(status.info?.metadata['attempts']).toBe('16')
  })

  it('stays readable for a Python client, whatever the error holds', () => {
    const text = fc.string({ unit: 'binary', maxLength: 3000 })
    const error = fc.record({
      message: text,
      provider: text,
      model: text,
      fields: fc.array(fc.record({ field: text, description: text }), { maxLength: 30 }),
      upstream: fc.record({ status: fc.nat(), code: text, requestId: text }),
    })
    fc.assert(
      fc.property(error, fc.nat({ max: 40 }), text, ({ message, ...facts }, attempts, model) => {
        const failure = new GatewayError('UPSTREAM_OVERLOADED', message, { ...facts, retryAfter: 5 })
        const record = recordOf(attempts, model.slice(0, 256))
        const status = grpcStatusOf(failure, record)
        expect(status.bytes).toBeLessThanOrEqual(4096)
        expect(headerBytes(failure, record)).toBeLessThan(8192)
        expect(status.message).toBe(status.details)
        expect(status.info?.reason).toBe('UPSTREAM_OVERLOADED')
      }),
      { numRuns: 60 },
    )
  })

  it('cuts a message without breaking a character', () => {
    const { message } = grpcStatusOf(new GatewayError('UPSTREAM_ERROR', '🙂'.repeat(5000)))
    expect(message).toMatch(/^(🙂)+\.\.\.$/u)
    expect(encodeURI(message).length).toBeLessThanOrEqual(2000)
    expect(encodeURI(message).length).toBeGreaterThan(1900)
  })

  it('replaces a lone surrogate, on which the header would fail', () => {
    expect(grpcStatusOf(new GatewayError('UPSTREAM_ERROR', 'half \ud83d')).message).toBe('half \ufffd')
  })
})
