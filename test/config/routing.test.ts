// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files in these tests hold references
import { describe, expect, it } from 'vitest'
import { checkReport } from '../../src/config/check.ts'
import { loadConfig } from '../../src/config/load.ts'
import { kinds } from '../../src/providers/index.ts'
import { configOf, kinds as invented, load, problemsOf, UNROUTED_TASKS } from './kinds.ts'

const env = { ACME_API_KEY: 'acme-key', CUMULUS_API_KEY: 'cumulus-key' }

/** The routing part of a file with three providers, of which one is local. */
const file = (more: string, acme = '') => `providers: { acme: { ${acme} }, cumulus: , edge-box: }\n${more}`

describe('the strategy of an alias', () => {
  it.each(['priority', 'weighted', 'least_latency', 'least_cost'])('may be %s', (strategy) => {
    const { models } = configOf({ env, file: file(`models: { m: { strategy: ${strategy}, targets: [acme/x] } }`) })
    expect(models).toMatchObject([{ name: 'm', strategy }])
  })

  it('is priority where none is written', () => {
    expect(configOf({ env, file: file('models: { m: { targets: [acme/x] } }') }).models).toMatchObject([
      { strategy: 'priority' },
    ])
  })

  it('is shown by check, and a weight that weighs is not complained of', () => {
    const targets = '[{ target: acme/x, weight: 3 }, cumulus/y]'
    const loaded = load({ env, file: file(`models: { m: { strategy: weighted, targets: ${targets} } }`) })
    expect(checkReport(loaded).lines).toContain('alias m (weighted): acme/x, cumulus/y')
    expect(loaded.notices.filter((notice) => notice.includes('weight'))).toEqual([])
  })
})

describe('the usual task types', () => {
  const noticesOf = (more: string) =>
    loadConfig({ env, kinds: invented, directory: '/etc/gateway', file: file(more) }).notices.filter((notice) =>
      notice.startsWith(UNROUTED_TASKS),
    )

  it('are named at the start where they have no route', () => {
    const tasks = 'planning: acme/x, architecture: acme/x, complex_generation: acme/x, general: acme/x'
    expect(noticesOf(`tasks: { ${tasks} }`)).toEqual([
      'tasks: without a route, these go where a call without a name goes: simple_generation, verification.',
    ])
    const rest = 'simple_generation: acme/x, verification: acme/x'
    expect(noticesOf(`tasks: { ${tasks}, ${rest}, our_own: acme/x }`)).toEqual([])
  })
})

describe('pulling the models of an alias', () => {
  const real = (targets: string) => ({
    kinds,
    file: `auth: none\nproviders: { ollama: , vllm: }\nmodels: { m: { targets: ${targets}, ensure: true } }`,
  })

  it('is asked for where one of its providers can', () => {
    expect(configOf(real('[vllm/a, ollama/b]')).models).toMatchObject([{ name: 'm', ensure: true }])
  })

  it('is a problem where none can', () => {
    const problem = 'models.m.ensure: none of the targets is at a provider that can pull models; ollama can'
    expect(problemsOf(real('[vllm/a]'))).toEqual([problem])
  })
})

describe('a bound on calls at once', () => {
  it('is one of a provider and one of all, each with its queue', () => {
    const { server, providers } = configOf({
      env,
      file: file('server: { max_concurrent: 50, max_queue: 0 }', 'max_concurrent: 4'),
    })
    expect(server.concurrency).toEqual({ most: 50, queue: 0 })
    expect(providers.map(({ concurrency }) => concurrency)).toEqual([{ most: 4, queue: 100 }, undefined, undefined])
  })

  it('is shown by check', () => {
    const loaded = load({ env, file: file('safety_lock: { target: edge-box/small }', 'max_concurrent: 4') })
    const { lines } = checkReport(loaded)
    expect(lines).toContainEqual(expect.stringMatching(/^provider acme: .*, at most 4 calls at once$/))
    expect(lines).toContain('safety lock of acme: edge-box/small')
  })

  it('is not there unless it is written, and a queue alone bounds nothing', () => {
    const { config, notices } = load({ env, file: file('', 'max_queue: 3') })
    expect(config?.server.concurrency).toBeUndefined()
    expect(config?.providers[0]?.concurrency).toBeUndefined()
    expect(notices).toContain('providers.acme.max_queue has no effect without max_concurrent.')
  })

  it.each([
    ['max_concurrent: 0', 'providers.acme.max_concurrent: must be a whole number from 1 to 1000000'],
    ['max_queue: many', 'providers.acme.max_queue: must be a whole number from 0 to 1000000'],
  ])('is refused as %j', (acme, problem) => {
    expect(problemsOf({ env, file: file('', acme) })).toEqual([problem])
  })
})

describe('the safety lock', () => {
  it('of all is that of every provider but its own, unless it has another one', () => {
    const more = 'safety_lock: { target: edge-box/small }'
    const own = 'safety_lock: { target: edge-box/large }'
    expect(configOf({ env, file: file(more, own) }).safetyLocks).toEqual({
      acme: 'edge-box/large',
      cumulus: 'edge-box/small',
    })
  })

  it('is not there unless it is written', () => {
    expect(configOf({ env, file: file('') }).safetyLocks).toEqual({})
  })

  it('at a vendor is told: it may be limited too', () => {
    const { notices } = load({ env, file: file('', 'safety_lock: { target: cumulus/x }') })
    expect(notices).toContain(
      'providers.acme.safety_lock.target is not a local provider, so it may be rate limited too.',
    )
  })

  it.each([
    [
      'safety_lock: { target: opera/x }',
      '',
      'safety_lock.target: "opera" is not a configured provider; configured: acme, cumulus, edge-box',
    ],
    ['', 'safety_lock: { target: acme/x }', 'providers.acme.safety_lock.target: must be a target of another provider'],
    ['safety_lock: { target: small }', '', 'safety_lock.target: must be a target such as provider/model'],
    ['safety_lock: {}', '', 'safety_lock.target: is missing'],
  ])('is refused: %j, %j', (more, acme, problem) => {
    expect(problemsOf({ env, file: file(more, acme) })).toContain(problem)
  })
})
