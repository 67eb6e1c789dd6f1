import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { CallRecord } from '../../../src/domain/calls/call-record.ts'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { EmbedRequestSchema } from '../../../src/domain/types.ts'
import type { EmbedWire } from '../../../src/providers/define.ts'
import { askEmbed } from '../../../src/providers/http/ask-embed.ts'
import { Connection } from '../../../src/providers/http/connection.ts'
import { priceOf, ratesOf } from '../../../src/providers/prices/rates.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { plainSettings, plainWire } from '../../support/plain-wire.ts'
import { type Script, ScriptedUpstream } from '../../support/scripted-upstream.ts'

/** One input for each request; the vendor reports as many tokens as the input has characters, or nothing. */
const embed: EmbedWire = {
  limits: { inputs: 1 },
  encode: (_request, [input]) => ({ path: '/embed', body: JSON.stringify({ input }) }),
  decode(body) {
    const tokens = typeof body === 'object' && body !== null && 'tokens' in body ? Number(body.tokens) : undefined
    const usage = { $typeName: 'llmgateway.v1.Usage' as const, input: tokens ?? 0, estimated: false }
    return { vectors: [[1]], usage: tokens === undefined ? undefined : usage, model: '' }
  },
}

/** Inputs of `a` are answered after 1 ms, `?` without usage, `fails` with a 500 after 5 ms, `late` after 9 ms. */
function script(input: string): Script {
  const contentType = 'application/json'
  const wait = input === 'fails' ? 5 : input === 'late' ? 9 : 1
  const body = input === '?' ? '{}' : JSON.stringify({ tokens: input.length })
  return {
    status: input === 'fails' ? 500 : 200,
    contentType,
    steps: [
      { wait, act: { send: body } },
      { wait: 0, act: 'end' },
    ],
  }
}

async function embedding(...inputs: string[]) {
  const clock = new FakeClock()
  const upstream = new ScriptedUpstream(clock, ({ body = '{}' }) => script(String(JSON.parse(body).input)))
  const price = priceOf(ratesOf({ input_mtok: 2 }))
  const facts = () => ({ price })
  const catalogue = { facts, frozen: () => facts, overrides: () => ({}), ids: () => [] }
  const connection = new Connection(plainSettings('p'), { ...plainWire, embed }, upstream, clock, catalogue)
  const record = new CallRecord(clock)
  const attempt = record.begin('p', 'm')
  const context = {
    requestId: 'id',
    credential: undefined,
    deadline: Number.POSITIVE_INFINITY,
    cancellation: new Cancellation(),
    peer: '',
    record,
    requestBytes: new Uint8Array(),
    header: () => undefined,
  }
  const request = create(EmbedRequestSchema, { inputs })
  const firstEventBy = clock.now() + 60_000
  const ask = {
    request,
    model: 'm',
    defaults: {},
    context,
    streamed: false,
    strict: false,
    firstEventBy,
    attempt,
    traceparent: undefined,
  }
  const asked = askEmbed(connection, ask).then(
    () => undefined,
    (thrown: unknown) => GatewayError.from(thrown),
  )
  await clock.advance(60)
  return { error: await asked, usage: attempt.usage, cost: attempt.cost?.usd, upstream }
}

test('what the answered requests used and cost is kept when another one fails', async () => {
  const { error, usage, cost, upstream } = await embedding('aa', 'aaaa', 'fails', 'late', 'aaaaaaaa')
  expect(error).toMatchObject({ reason: 'UPSTREAM_ERROR' })
  expect(usage).toMatchObject({ input: 14, estimated: false })
  expect(cost).toBe(14 * 2e-6)
  expect(upstream).toMatchObject({ sent: 5, aborted: 1, open: 0 })
})

test('it is estimated from the inputs of an answered request that reports nothing', async () => {
  const { error, usage } = await embedding('a'.repeat(36), '?', 'fails')
  expect(error).toMatchObject({ reason: 'UPSTREAM_ERROR' })
  expect(usage).toMatchObject({ input: 36 + 1, estimated: true })
})

test('nothing is known to have been used when no request was answered', async () => {
  const { error, usage, cost } = await embedding('fails', 'late')
  expect(error).toMatchObject({ reason: 'UPSTREAM_ERROR' })
  expect([usage, cost]).toEqual([undefined, undefined])
})

test('a call whose requests were all answered has the sum', async () => {
  const { error, usage, cost } = await embedding('a', 'aaa', 'late')
  expect(error).toBeUndefined()
  expect(usage).toMatchObject({ input: 8, estimated: false })
  expect(cost).toBe(8 * 2e-6)
})
