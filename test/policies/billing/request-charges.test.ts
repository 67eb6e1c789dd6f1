import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { createCall } from '../../../src/domain/calls/facts.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { Charge, Ledger } from '../../../src/domain/ports/money/ledger.ts'
import { EmbedRequestSchema, UsageState } from '../../../src/domain/types.ts'
import type { EmbedWire } from '../../../src/providers/define.ts'
import { Connection } from '../../../src/providers/http/connection.ts'
import { createHttpProvider } from '../../../src/providers/http-provider.ts'
import { priceOf, ratesOf } from '../../../src/providers/prices/rates.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { plainSettings, plainWire } from '../../support/plain-wire.ts'
import { type Script, ScriptedUpstream } from '../../support/scripted-upstream.ts'
import { createTestGateway, testContext } from '../../support/test-gateway.ts'

/** One input for each request. The vendor reports as many tokens as the input has characters. */
const embed: EmbedWire = {
  limits: { inputs: 1 },
  encode: (_request, [input]) => ({ path: '/embed', body: JSON.stringify({ input }) }),
  decode: (body) => ({
    vectors: [[1]],
    usage: { $typeName: 'llmgateway.v1.Usage', input: (body as { tokens: number }).tokens, estimated: false },
    model: '',
  }),
}

/** `fails` is answered with a 500 after 5 ms, `late` after 9 ms, other inputs after 1 ms. */
function script(input: string): Script {
  const wait = input === 'fails' ? 5 : input === 'late' ? 9 : 1
  return {
    status: input === 'fails' ? 500 : 200,
    contentType: 'application/json',
    steps: [
      { wait, act: { send: JSON.stringify({ tokens: input.length }) } },
      { wait: 0, act: 'end' },
    ],
  }
}

function world(begin: Ledger['begin'] = () => {}) {
  const clock = new FakeClock()
  const lines: string[] = []
  const charges: Charge[] = []
  const upstream = new ScriptedUpstream(clock, ({ body = '{}' }) => {
    const { input } = JSON.parse(body)
    lines.push(`sent ${input}`)
    return script(input)
  })
  const facts = () => ({ price: priceOf(ratesOf({ input_mtok: 2 })) })
  const catalogue = { facts, frozen: () => facts, overrides: () => ({}), ids: () => [] }
  const provider = createHttpProvider(
    new Connection(plainSettings('p'), { ...plainWire, embed }, upstream, clock, catalogue),
  )
  const ledger: Ledger = {
    begin(charge) {
      lines.push(`intent ${charge.facts.part} of ${charge.outcome.tokens.input} tokens`)
      return begin(charge)
    },
    settle(charge) {
      charges.push(charge)
      lines.push(`settled ${charge.facts.part}`)
    },
    finish: () => {},
  }
  const gateway = createTestGateway(clock, [provider], { billing: { ledger, priceVersion: () => 'v1' } })
  const call = (...inputs: string[]) => {
    const context = testContext(clock, { requestId: 'id' })
    const request = create(EmbedRequestSchema, { model: 'p/m', inputs })
    const ended = gateway.embed(createCall('embed', request, context)).then(
      (events) =>
        new Promise<string>((resolve) => events.read({ event: () => true, end: (e) => resolve(e?.reason ?? 'OK') })),
      (error: GatewayError) => error.reason,
    )
    return { ended, leave: () => context.cancellation.cancel(new GatewayError('CANCELLED', 'gone')) }
  }
  return { clock, lines, charges, call }
}

function summary({ facts, outcome, ending }: Charge) {
  const { state, cost } = outcome
  const call = ending ? ` ${ending.reason || 'OK'}` : ''
  return `${facts.attempt}.${facts.part} ${UsageState[state]} ${cost && cost.input + cost.output}${call}`
}

describe('the requests of one embedding call', () => {
  test('are recorded one by one, each before it is sent', async () => {
    const { clock, call, lines, charges } = world()
    const { ended } = call('aa', 'aaaa')
    await clock.advance(10)
    expect(await ended).toBe('OK')
    expect(lines).toEqual([
      'intent 0 of 1 tokens',
      'intent 1 of 1 tokens',
      'sent aa',
      'sent aaaa',
      'settled 0',
      'settled 1',
    ])
    expect(charges.map(summary)).toEqual(['1.0 SETTLED 4000', '1.1 SETTLED 8000 OK'])
  })

  test('are charged when they were answered, or cancelled, beside one that failed', async () => {
    const { clock, call, charges } = world()
    const { ended } = call('aa', 'fails', 'late')
    await clock.advance(60_000)
    expect(await ended).toBe('UPSTREAM_ERROR')
    const attempts = ['1', '2'].map((attempt) => charges.filter(({ facts }) => String(facts.attempt) === attempt))
    for (const parts of attempts) {
      const outcomes = parts.map((part) => summary(part).split(' ').slice(1, 3).join(' '))
      expect(outcomes).toEqual(['SETTLED 4000', 'NO_CHARGE 0', 'ESTIMATED 2000'])
    }
    expect(charges.filter(({ ending }) => ending)).toHaveLength(1)
  })

  test('are estimated when the client has left', async () => {
    const { clock, call, charges } = world()
    const { ended, leave } = call('late', 'late')
    await clock.advance(1)
    leave()
    expect(await ended).toBe('CANCELLED')
    await settle()
    expect(charges.map(summary)).toEqual(['1.0 ESTIMATED 2000', '1.1 ESTIMATED 2000 CANCELLED'])
  })

  test('are not sent when they cannot be recorded', async () => {
    const full = new GatewayError('LEDGER_UNAVAILABLE', 'disk full')
    const { clock, call, lines, charges } = world(({ facts }) => {
      if (facts.part > 0) throw full
    })
    const { ended } = call('aa', 'aaaa')
    await clock.advance(10)
    expect(await ended).toBe('LEDGER_UNAVAILABLE')
    expect(lines).not.toContain('sent aaaa')
    expect(charges.map(summary)).toEqual(['1.1 NO_CHARGE 0 LEDGER_UNAVAILABLE', '1.0 ESTIMATED 2000'])
  })

  test('have one charge together when none was sent', async () => {
    const { call, charges } = world()
    const { ended, leave } = call('aa')
    leave()
    expect(await ended).toBe('CANCELLED')
    await settle()
    expect(charges.map(summary)).toEqual(['1.0 NO_CHARGE 0 CANCELLED'])
  })
})
