// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files in these tests hold references
import { describe, expect, it } from 'vitest'
import { upcoming } from '../../src/providers/index.ts'
import { configOf, load, problemsOf } from './kinds.ts'

const env = { ACME_API_KEY: 'acme-key', BOREALIS_API_KEY: 'north', TOKEN: 'canary' }

describe('a provider in the file', () => {
  it('takes what it leaves open from its kind and its variables', () => {
    const { providers } = configOf({ env, file: 'providers: { acme: {} }' })
    expect(providers).toMatchObject([
      { name: 'acme', kind: { kind: 'acme' }, baseUrl: 'https://api.acme.test/v1', keys: ['acme-key'], options: {} },
    ])
  })

  it('sets everything', () => {
    const { providers } = configOf({
      env: { ...env, A: 'key-a', B: 'key-b', ACME_ORGANIZATION: 'not this', ACME_MODEL: 'not-this' },
      readFile: () => 'key-c',
      file: `
        providers:
          main:
            kind: acme
            base_url: http://10.0.0.7:8000/v1/
            keys: ["\${A}", "\${B}", { file: c }, "\${A}"]
            default_model: acme-1
            headers: { X-Team: "core \${TOKEN}", X-Session-Token: "Bearer \${TOKEN}" }
            timeout: { connect: 1s, first_token: 2m, idle: 500ms, total: 1h }
            stream_unary: true
            organization: "\${TOKEN}"
      `,
    })
    expect(providers).toMatchObject([
      {
        name: 'main',
        kind: { kind: 'acme' },
        baseUrl: 'http://10.0.0.7:8000/v1',
        keys: ['key-a', 'key-b', 'key-c'],
        defaultModel: 'acme-1',
        headers: { 'x-team': 'core canary', 'x-session-token': 'Bearer canary' },
        timeout: { connect: 1000, firstToken: 120_000, idle: 500, total: 3_600_000 },
        streamUnary: true,
        options: { organization: 'canary' },
      },
    ])
  })

  it('keeps others out: the file is the whole list', () => {
    expect(configOf({ env, file: 'providers: { edge-box: }' }).providers.map(({ name }) => name)).toEqual(['edge-box'])
  })

  it('may be one of several of its kind', () => {
    const { providers, priority } = configOf({ env, file: 'providers: { b: { kind: acme }, a: { kind: acme } }' })
    expect(providers.map(({ name, keys }) => [name, keys])).toEqual([
      ['b', ['acme-key']],
      ['a', ['acme-key']],
    ])
    expect(priority).toEqual(['b', 'a'])
  })

  it('has no default model unless one is set', () => {
    expect(configOf({ env, file: 'providers: { acme: }' }).providers[0]).not.toHaveProperty('defaultModel')
  })

  it.each([
    [
      'acme: { kind: amce }',
      'providers.acme.kind: "amce" is not a kind of provider; known: acme, borealis, cumulus, den, edge-box. Did you mean "acme"?',
    ],
    [
      'cumulus: {}',
      'providers.cumulus.keys: is missing: cumulus needs a key; set LLM_GATEWAY_CUMULUS_API_KEY or CUMULUS_API_KEY',
    ],
    [
      'acme: { keys: [] }',
      'providers.acme.keys: is missing: acme needs a key; set LLM_GATEWAY_ACME_API_KEY or ACME_API_KEY',
    ],
    ['edge-box: { keys: ["${TOKEN}"] }', 'providers.edge-box.keys: must be removed: edge-box takes no key'],
    ['den: {}', 'providers.den.base_url: is missing: write it, or set LLM_GATEWAY_DEN_BASE_URL or DEN_URL'],
    [
      'acme: { base_url: "http://[::ffff:169.254.169.254]" }',
      'providers.acme.base_url: must not be the metadata service of a cloud',
    ],
    [
      'acme: { base_url: "https://me:pw@acme.test" }',
      'providers.acme.base_url: must not carry a user name or password: use keys or headers',
    ],
    [
      'acme: { default_model: "a b" }',
      'providers.acme.default_model: must be the id of a model: up to 256 characters without spaces, "?", "#", "%", backslashes and ".." segments',
    ],
    ['acme: { region: mars }', 'providers.acme.region: Invalid option: expected one of "eu"|"us"'],
    ['borealis: { base_url: http://b }', 'providers.borealis.tenant: is missing: write it, or set BOREALIS_TENANT'],
    [
      'borealis: { base_url: http://b, tenant: t, ceilings: { a: b } }',
      'providers.borealis.ceilings.a: must be a number',
    ],
    ['acme: { headers: { "a b": x } }', 'providers.acme.headers["a b"]: is not the name of a header'],
    [
      'acme: { headers: { Content-Length: 1 } }',
      'providers.acme.headers.Content-Length: is set by the gateway itself: remove it',
    ],
    [
      'acme: { headers: { Authorization: "${TOKEN}" } }',
      'providers.acme.headers.Authorization: carries the key: write the key under keys instead',
    ],
    [
      'acme: { headers: { X-A: 1, x-a: 2 } }',
      'providers.acme.headers.x-a: is set twice, in different case: remove one',
    ],
    ['acme: { headers: { X-A: "ä" } }', 'providers.acme.headers.X-A: must be made of printable ASCII characters'],
    [
      'acme: { headers: { X-A: "a\\r\\nb" } }',
      'providers.acme.headers.X-A: must be a text on one line, without control characters',
    ],
    [
      'acme: { timeout: { idle: 0 } }',
      'providers.acme.timeout.idle: must be a duration above 0 and up to 24h, such as 500ms, 3s, 10m or 1h; a bare number is seconds',
    ],
  ])('%s is refused', (provider, problem) => {
    expect(problemsOf({ env, file: `providers:\n  ${provider}` })).toEqual([problem])
  })
})

describe('which providers a call that names nothing asks', () => {
  const three = { ACME_API_KEY: 'a', CUMULUS_API_KEY: 'c', EDGE_URL: 'http://e' }
  const route = (more: Record<string, string>, file?: string) => {
    const { priority, providers } = configOf({ env: { ...three, ...more }, file })
    return [priority.join(), providers.map(({ name }) => name).join()]
  }

  it.each([
    [{}, 'acme,cumulus,edge-box', 'acme,cumulus,edge-box'],
    [{ LLM_PROVIDER: 'edge-box' }, 'edge-box', 'edge-box,acme,cumulus'],
    [{ LLM_PROVIDER: 'Cumulus' }, 'cumulus', 'cumulus,acme,edge-box'],
    [{ LLM_PROVIDER: 'acme', LLM_GATEWAY_PRIMARY_PROVIDER: 'cumulus' }, 'cumulus', 'cumulus,acme,edge-box'],
    [{ LLM_GATEWAY_FALLBACK_PROVIDERS: 'edge-box' }, 'acme,edge-box', 'acme,edge-box,cumulus'],
    [
      { LLM_PROVIDER: 'cumulus', LLM_GATEWAY_FALLBACK_PROVIDERS: 'edge-box, acme' },
      'cumulus,edge-box,acme',
      'cumulus,edge-box,acme',
    ],
    [{ LLM_PRIORITY_ORDER: 'edge-box,acme' }, 'edge-box,acme', 'edge-box,acme,cumulus'],
    [{ LLM_PROVIDER: 'acme', LLM_PRIORITY_ORDER: 'edge-box,acme' }, 'acme,edge-box', 'acme,edge-box,cumulus'],
    [{ LLM_PRIORITY_ORDER: 'opera,acme' }, 'acme', 'acme,cumulus,edge-box'],
  ])('%j: %s', (more, priority, providers) => {
    expect(route(more)).toEqual([priority, providers])
  })

  it('a file outranks the environment', () => {
    expect(route({ LLM_PROVIDER: 'acme' }, 'priority: [edge-box, cumulus]')[0]).toBe('edge-box,cumulus')
  })

  it('a fallback of the environment that is not configured is told, and the gateway starts', () => {
    expect(load({ env: { ...three, LLM_PRIORITY_ORDER: 'opera,acme' } }).notices).toContain(
      'LLM_PRIORITY_ORDER: "opera" is not a configured provider; configured: acme, cumulus, edge-box',
    )
  })

  it.each([
    [
      { LLM_PROVIDER: 'cumulos' },
      '',
      'LLM_PROVIDER: "cumulos" is not a configured provider; configured: acme, cumulus, edge-box. Did you mean "cumulus"?',
    ],
    [{ LLM_PROVIDER: 'a,b' }, '', 'LLM_PROVIDER: must be one name'],
    [
      {},
      'priority: [acme, opera]',
      'priority[1]: "opera" is not a configured provider; configured: acme, cumulus, edge-box',
    ],
    [{}, 'priority: []', 'priority: must name at least one provider'],
  ])('%j %s is refused', (more, file, problem) => {
    expect(problemsOf({ env: { ...three, ...more }, file })).toEqual([problem])
  })
})

describe('the file of an older gateway', () => {
  const yetToCome = upcoming[0]?.kind

  it('has a meaning still', () => {
    const { config, notices } = load({
      env: { ACME_API_KEY: 'a' },
      file: `
        llm_gateway:
          primary_provider: edge-box
          fallback_providers: [acme, opera]
          edge-box: { base_url: http://e.test/v1, default_model: qwen, timeout: 30 }
          cache: { enabled: true, ttl: 3600, max_size: 1000 }
      `,
    })
    expect(config?.priority).toEqual(['edge-box', 'acme'])
    expect(config?.cache).toMatchObject({ rules: { ttl: 3_600_000 }, maxEntries: 1000 })
    expect(config?.providers).toMatchObject([
      { name: 'edge-box', baseUrl: 'http://e.test/v1', defaultModel: 'qwen', timeout: { total: 30_000 } },
      { name: 'acme', keys: ['a'] },
    ])
    expect(notices).toEqual(
      expect.arrayContaining([
        'llm_gateway.fallback_providers: "opera" is not a configured provider; configured: acme, edge-box',
      ]),
    )
  })

  it('outranks the environment', () => {
    const { providers } = configOf({
      env: { EDGE_URL: 'http://not.test', LLM_GATEWAY_EDGE_BOX_MODEL: 'not-this' },
      file: 'llm_gateway: { edge-box: { base_url: http://e.test, default_model: m } }',
    })
    expect(providers[0]).toMatchObject({ baseUrl: 'http://e.test', defaultModel: 'm' })
  })

  it.runIf(yetToCome !== undefined)('may name a provider that is yet to come', () => {
    const { config, notices } = load({ file: `llm_gateway: { ${yetToCome}: { base_url: http://o } }` })
    expect(config).toBeDefined()
    expect(notices).toContain(`llm_gateway.${yetToCome}: not used yet, this version has no provider ${yetToCome}.`)
  })

  it.each([
    ['llm_gateway: { edge-bx: {} }', 'llm_gateway.edge-bx: is not a known key. Did you mean "edge-box"?'],
    ['llm_gateway: { primary_provider: opera }', 'llm_gateway.primary_provider: "opera" is not a configured provider'],
    [
      'llm_gateway: { edge-box: { base_url: nowhere } }',
      'llm_gateway.edge-box.base_url: must be an http:// or https:// URL',
    ],
    [
      'llm_gateway: { edge-box: {} }\nproviders: { edge-box: }',
      'llm_gateway.edge-box: is the older form, which cannot stand beside providers: move it there',
    ],
  ])('%j is refused', (file, problem) => {
    expect(problemsOf({ file })).toEqual([problem])
  })
})

describe('routes', () => {
  const file = (more: string) => `providers: { acme: , edge-box: }\n${more}`

  it.each([
    [
      'models: { m: { targets: [acne/x] } }',
      'models.m.targets[0]: "acne" is not a configured provider; configured: acme, edge-box. Did you mean "acme"?',
    ],
    ['models: { m: { targets: [acme/x, acme/x] } }', 'models.m.targets[1]: is listed twice: remove one'],
    ['models: { m: { targets: [acme/../x] } }', 'models.m.targets[0].target: must be a target such as provider/model'],
    ['models: { m: { targets: [acme/] } }', 'models.m.targets[0].target: must be a target such as provider/model'],
    [
      'models: { "a b": { targets: [acme/x] } }',
      'models["a b"]: must be made of letters, digits and . _ : / @ + -, at most 256 of them',
    ],
    ['models: { m: {} }', 'models.m.targets: is missing'],
    [
      'models: { m: { targets: [{ target: acme/x, weight: 0 }] } }',
      'models.m.targets[0].weight: must be a number above 0',
    ],
    [
      'models: { m: { targets: [acme/x], strategy: cheapest } }',
      'models.m.strategy: must be one of priority, weighted, least_latency, least_cost',
    ],
    [
      'models: { smart: { targets: [acme/x] } }\ntasks: { plan: smrt }',
      'tasks.plan: "smrt" is neither an alias nor provider/model. Did you mean "smart"?',
    ],
    ['tasks: { plan: opera/x }', 'tasks.plan: "opera" is not a configured provider; configured: acme, edge-box'],
    ['prices: { x: { input: 1, output: 1 } }', 'prices.x: must be provider/model'],
    [
      'prices: { opera/x: { input: 1, output: 1 } }',
      'prices.opera/x: "opera" is not a configured provider; configured: acme, edge-box',
    ],
    ['prices: { acme/x: { input: 1 } }', 'prices.acme/x.output: is missing'],
    ['prices: { acme/x: { input: -1, output: 1 } }', 'prices.acme/x.input: must be a number of at least 0'],
  ])('%j is refused', (more, problem) => {
    expect(problemsOf({ env, file: file(more) })).toEqual([problem])
  })

  it('an alias may be named like a target', () => {
    const config = configOf({
      env,
      file: file('models: { acme/x: { strategy: priority, targets: [edge-box/x] } }\ntasks: { t: acme/x }'),
    })
    expect(config.models[0]?.name).toBe('acme/x')
  })

  it('a weight without a strategy that weighs is told', () => {
    const { notices } = load({ env, file: file('models: { m: { targets: [{ target: acme/x, weight: 3 }] } }') })
    expect(notices).toContain('models.m.targets[0].weight has no effect without strategy: weighted.')
  })
})

describe('what the file says of models', () => {
  it('is read by pattern, in its order', () => {
    const { providers } = configOf({
      env,
      file: 'providers: { acme: { models: { "new-*": { sampling: none, max_stops: 2 }, "*": { batch_inputs: "16" } } } }',
    })
    expect(providers[0]?.models).toEqual([
      { pattern: 'new-*', rules: { sampling: 'none', maxStops: 2 } },
      { pattern: '*', rules: { batchInputs: 16 } },
    ])
  })

  it.each([
    [
      '{ m: { api: responses } }',
      'providers.acme.models.m.api: cannot be set for acme; it takes: sampling, max_stops, batch_inputs',
    ],
    ['{ m: { sampling: some } }', 'providers.acme.models.m.sampling: must be one of all, one, without_thinking, none'],
    ['{ m: { max_stop: 1 } }', 'providers.acme.models.m.max_stop: is not a known key. Did you mean "max_stops"?'],
  ])('is checked: %s', (models, problem) => {
    expect(problemsOf({ env, file: `providers: { acme: { models: ${models} } }` })).toEqual([problem])
  })
})
