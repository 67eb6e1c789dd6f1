import { create } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { textEvent } from '../../../src/domain/streams/events.ts'
import { RouteSchema, UsageSchema } from '../../../src/domain/types.ts'
import { decodeResult, encodeResult } from '../../../src/stores/idempotency/result-codec.ts'
import { keptText } from '../../support/keyed-calls.ts'

test('the response of a chat comes back as it was', () => {
  const kept = keptText('hello, wörld')
  expect(decodeResult('a', encodeResult('a', kept))).toEqual(kept)
})

test('vectors come back as they were, with the id of their call', () => {
  const embeddings = [0, 1].map((index) => ({
    $typeName: 'llmgateway.v1.Embedding' as const,
    index,
    values: [index, 0.5],
  }))
  const finish = {
    id: 'first',
    usage: create(UsageSchema, { input: 3 }),
    route: create(RouteSchema, { provider: 'up' }),
  }
  const events = [
    { event: { case: 'embeddings', value: embeddings } },
    { event: { case: 'finish', value: finish } },
  ] as const
  const kept = decodeResult('a', encodeResult('a', { events, error: undefined }))
  expect(kept?.events).toMatchObject(events)
  expect(kept?.error).toBeUndefined()
})

test('an error comes back as its caller saw it, without what only the log may have', () => {
  const error = new GatewayError('UPSTREAM_INVALID_REQUEST', 'tools[0]: no such tool', {
    fields: [{ field: 'tools[0]', description: 'no such tool' }],
    provider: 'up',
    model: 'm',
    upstream: { status: 400, code: 'bad_tool', message: 'a prompt' },
    cause: new Error('a cause'),
  })
  const kept = decodeResult('a', encodeResult('a', { events: [textEvent('part')], error }))
  expect(kept?.events).toEqual([textEvent('part')])
  expect(kept?.error).toMatchObject({ reason: error.reason, message: error.message })
  const { upstream, cause: _, ...shown } = error.facts
  expect(kept?.error?.facts).toEqual({ ...shown, upstream: { status: 400, code: 'bad_tool' } })
  const open = new GatewayError('UPSTREAM_INVALID_REQUEST', 'no', { upstream: { ...upstream, isMessagePublic: true } })
  const known = decodeResult('a', encodeResult('a', { events: [], error: open }))
  expect(known?.error?.facts.upstream?.message).toBe('a prompt')
})

test('damaged bytes, and those of another key, are nothing', () => {
  const bytes = encodeResult('a', keptText('hello'))
  expect(decodeResult('b', bytes)).toBeUndefined()
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] ?? 0) ^ change
      expect(decodeResult('a', damaged)).toBeUndefined()
      expect(decodeResult('a', bytes.subarray(0, at))).toBeUndefined()
    }),
  )
})
