import { expect, test } from 'vitest'
import type { GatewayError } from '../../../src/domain/errors/error.ts'
import type { PullListener } from '../../../src/domain/ports/model-puller.ts'
import { type EnsureModelProgress, EnsureModelState } from '../../../src/domain/types.ts'
import { createEnsureModel } from '../../../src/service/methods/providers/ensure-model.ts'
import { ModelPulls } from '../../../src/service/pulls/model-pulls.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { contextFor, providerNamed } from '../../support/provider-world.ts'

const { PULLING } = EnsureModelState

function setUp() {
  const clock = new FakeClock()
  const log: string[] = []
  const listeners: PullListener[] = []
  const provider = providerNamed('shed', {
    listModels: async () => ['there'],
    puller: {
      canonical: (model) => model.replace(/:latest$/, ''),
      pull(model, listener) {
        log.push(`pull ${model}`)
        listeners.push(listener)
        return () => log.push('stop')
      },
    },
  })
  const pulls = new ModelPulls(clock)
  pulls.onPulled(({ name }) => log.push(`new at ${name}`))
  const watcher = (name: string) => ({
    progress: ({ status }: EnsureModelProgress) => log.push(`${name}: ${status}`),
    end: (error?: GatewayError) => log.push(`${name} ends ${error?.reason ?? 'well'}`),
  })
  return { clock, log, listeners, provider, pulls, watcher }
}

function progress(status: string): EnsureModelProgress {
  const bytes = { doneBytes: 5n, totalBytes: 10n }
  return { $typeName: 'llmgateway.v1.EnsureModelProgress', state: PULLING, status, ...bytes, percent: 50 }
}

test('a model that is there needs no pull', async () => {
  const { clock, log, provider, pulls, watcher } = setUp()
  pulls.ensure(provider, 'there:latest', watcher('a'))
  await clock.advance(1)
  expect(log).toEqual(['a: looking for the model', 'a: already there', 'a ends well'])
})

test('one pull serves everybody, tells late ones the latest, and stops when the last has left', async () => {
  const { clock, log, listeners, provider, pulls, watcher } = setUp()
  const leaveFirst = pulls.ensure(provider, 'm', watcher('a'))
  await clock.advance(1)
  listeners[0]?.progress(progress('half'))
  const leaveSecond = pulls.ensure(provider, 'm:latest', watcher('b'))
  leaveFirst()
  listeners[0]?.progress(progress('more'))
  leaveSecond()
  listeners[0]?.end()
  expect(log).toEqual(['a: looking for the model', 'pull m', 'a: half', 'b: half', 'b: more', 'stop'])
  pulls.ensure(provider, 'm', watcher('c'))
  await clock.advance(1)
  expect(log.filter((line) => line === 'pull m')).toHaveLength(2)
})

test('a pull that everybody left before it began does not begin', async () => {
  const { clock, log, provider, pulls, watcher } = setUp()
  pulls.ensure(provider, 'm', watcher('a'))()
  await clock.advance(1)
  expect(log).toEqual(['a: looking for the model'])
})

test('everybody learns how it ends', async () => {
  const { clock, log, listeners, provider, pulls, watcher } = setUp()
  pulls.ensure(provider, 'm', watcher('a'))
  pulls.ensure(provider, 'm', watcher('b'))
  await clock.advance(1)
  listeners[0]?.end()
  expect(log.slice(-6)).toEqual(['a: success', 'b: success', 'stop', 'new at shed', 'a ends well', 'b ends well'])
  pulls.ensure(provider, 'n', watcher('c'))
  await clock.advance(1)
  pulls.close()
  expect(log.at(-1)).toBe('c ends DRAINING')
})

test('a slow reader receives the latest state, and always the last one', async () => {
  const { clock, listeners, provider, pulls } = setUp()
  const events = await createEnsureModel([provider], pulls)(
    { $typeName: 'llmgateway.v1.EnsureModelRequest', provider: 'shed', model: 'm' },
    contextFor(clock),
  )
  const seen: string[] = []
  events.read({
    event({ status }) {
      seen.push(status)
      return false
    },
    end: (error) => seen.push(error?.reason ?? 'end'),
  })
  await clock.advance(1)
  for (let index = 0; index < 1_000; index++) listeners[0]?.progress(progress(`${index}`))
  events.resume()
  for (let index = 1_000; index < 2_000; index++) listeners[0]?.progress(progress(`${index}`))
  listeners[0]?.end()
  for (let index = 0; index < 5; index++) events.resume()
  expect(seen).toEqual(['looking for the model', '999', 'success', 'end'])
})

test('a provider that cannot pull is named', () => {
  const { pulls, watcher } = setUp()
  expect(() => pulls.ensure(providerNamed('cloud'), 'm', watcher('a'))).toThrow(
    expect.objectContaining({ reason: 'UNSUPPORTED' }),
  )
})
