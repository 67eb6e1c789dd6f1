import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { Breakers } from '../../../src/domain/ports/breakers.ts'
import type { ComponentState } from '../../../src/domain/ports/operations/components.ts'
import type { LastAttempt } from '../../../src/domain/ports/operations/stats.ts'
import type { Provider } from '../../../src/domain/ports/provider.ts'
import { BreakerState, HealthRequestSchema, HealthStatus } from '../../../src/domain/types.ts'
import { createCheckHealth } from '../../../src/service/methods/check-health.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { contextFor, providerNamed, statsWith } from '../../support/provider-world.ts'

interface World {
  readonly clock?: FakeClock
  readonly providers: readonly Provider[]
  readonly attempts?: Readonly<Record<string, LastAttempt>>
  readonly draining?: boolean
  readonly components?: readonly ComponentState[]
  readonly breakers?: Breakers
}

const closed: Breakers = { stateOf: () => BreakerState.CLOSED }

function healthOf({
  clock = new FakeClock(),
  providers,
  components = [],
  attempts = {},
  draining = false,
  breakers = closed,
}: World) {
  const check = createCheckHealth({
    providers,
    components: () => components,
    stats: statsWith(attempts),
    breakers,
    clock,
    isDraining: () => draining,
  })
  return () => check(create(HealthRequestSchema), contextFor(clock))
}

function attempt(clock: FakeClock, facts: Partial<LastAttempt> = {}): LastAttempt {
  return { ok: true, at: clock.now(), latency: 250, reason: '', message: '', ...facts }
}

const failing = (reason: 'UPSTREAM_CREDENTIALS' | 'UPSTREAM_UNREACHABLE', message: string) => async () => {
  throw new GatewayError(reason, message)
}

describe('overall', () => {
  const up = providerNamed('up')
  const unreachable = { listModels: failing('UPSTREAM_UNREACHABLE', 'Is it running?') }
  const down = providerNamed('down', unreachable)
  const assumed = providerNamed('assumed', { ...unreachable, assumed: true })
  test.each([
    ['HEALTHY when every provider is', [up], false, HealthStatus.HEALTHY],
    ['DEGRADED when some are', [up, down], false, HealthStatus.DEGRADED],
    ['HEALTHY when only one is missing that nobody has asked for', [up, assumed], false, HealthStatus.HEALTHY],
    ['UNHEALTHY when there is none but that one', [assumed], false, HealthStatus.UNHEALTHY],
    ['UNHEALTHY when none is', [down], false, HealthStatus.UNHEALTHY],
    ['UNHEALTHY when none is configured', [], false, HealthStatus.UNHEALTHY],
    ['UNHEALTHY while the gateway shuts down', [up], true, HealthStatus.UNHEALTHY],
  ])('%s', async (_name, providers, draining, status) => {
    expect((await healthOf({ providers, draining })()).status).toBe(status)
  })
})

test('a component that is not healthy degrades the gateway, and says why', async () => {
  const redis = { name: 'redis', healthy: false, message: 'Redis is unavailable (OOM).' }
  const { status, components } = await healthOf({ providers: [providerNamed('up')], components: [redis] })()
  expect(status).toBe(HealthStatus.DEGRADED)
  expect(components).toMatchObject([redis])
  const down = providerNamed('down', { listModels: failing('UPSTREAM_UNREACHABLE', 'Is it running?') })
  const worst = await healthOf({ providers: [down], components: [{ ...redis, healthy: true }] })()
  expect(worst.status).toBe(HealthStatus.UNHEALTHY)
})

test('a call of the last minute tells how its provider is, without a probe', async () => {
  const clock = new FakeClock()
  const provider = providerNamed('openai', { listModels: failing('UPSTREAM_UNREACHABLE', 'not asked') })
  const health = await healthOf({ clock, providers: [provider], attempts: { openai: attempt(clock) } })()
  expect(health.providers).toEqual([
    {
      $typeName: 'llmgateway.v1.ProviderHealth',
      name: 'openai',
      kind: 'kind-of-test',
      healthy: true,
      message: '',
      breaker: BreakerState.CLOSED,
      latency: { $typeName: 'google.protobuf.Duration', seconds: 0n, nanos: 250_000_000 },
      lockedTo: '',
    },
  ])
  expect(provider.asked).toBe(0)
})

test('a failed call of the last minute says why and what to do', async () => {
  const clock = new FakeClock()
  const message = 'The vendor refuses the key; check keys of this provider.'
  const attempts = { openai: attempt(clock, { ok: false, reason: 'UPSTREAM_CREDENTIALS', message }) }
  const health = await healthOf({ clock, providers: [providerNamed('openai')], attempts })()
  expect(health.providers).toMatchObject([{ healthy: false, message }])
})

test('a call that is more than a minute old tells nothing: the provider is probed', async () => {
  const clock = new FakeClock()
  const provider = providerNamed('openai')
  const attempts = { openai: attempt(clock, { ok: false, message: 'old' }) }
  const check = healthOf({ clock, providers: [provider], attempts })
  await clock.advance(60_000)
  expect((await check()).providers).toMatchObject([{ healthy: false, message: 'old' }])
  await clock.advance(1)
  expect((await check()).providers).toMatchObject([{ healthy: true, message: '' }])
  expect(provider.asked).toBe(1)
})

test('a failed probe says why', async () => {
  const provider = providerNamed('ollama', { listModels: failing('UPSTREAM_UNREACHABLE', 'Is it running?') })
  expect((await healthOf({ providers: [provider] })()).providers).toMatchObject([
    { healthy: false, message: 'Is it running?' },
  ])
})

test('all are probed at once, each within three seconds', async () => {
  const timeouts: number[] = []
  const waiting: (() => void)[] = []
  const list = (timeout: number) => {
    timeouts.push(timeout)
    return new Promise<string[]>((resolve) => waiting.push(() => resolve([])))
  }
  const check = healthOf({
    providers: [providerNamed('a', { listModels: list }), providerNamed('b', { listModels: list })],
  })
  const answer = check()
  expect(timeouts).toEqual([3_000, 3_000])
  for (const answerNow of waiting) answerNow()
  expect((await answer).status).toBe(HealthStatus.HEALTHY)
})

test('many who ask cause one probe a minute', async () => {
  const clock = new FakeClock()
  const provider = providerNamed('openai', { listModels: failing('UPSTREAM_UNREACHABLE', 'down') })
  const check = healthOf({ clock, providers: [provider] })
  await Promise.all([check(), check(), check()])
  await clock.advance(59_999)
  await check()
  expect(provider.asked).toBe(1)
  await clock.advance(1)
  await check()
  expect(provider.asked).toBe(2)
})

test('the latency of a probe is its own', async () => {
  const clock = new FakeClock()
  const listModels = async () => {
    await clock.advance(40)
    return []
  }
  const health = await healthOf({ clock, providers: [providerNamed('openai', { listModels })] })()
  expect(health.providers[0]?.latency).toMatchObject({ seconds: 0n, nanos: 40_000_000 })
})
