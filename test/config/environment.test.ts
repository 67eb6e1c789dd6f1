import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { configOf, load, problemsOf } from './kinds.ts'

const withKey = { ACME_API_KEY: 'acme-key' }
const providerNames = (env: Record<string, string>) => configOf({ env }).providers.map(({ name }) => name)

describe('without a file', () => {
  it.each([
    [{}, []],
    [{ ACME_API_KEY: 'a' }, ['acme']],
    [{ CUMULUS_API_KEY: 'c', ACME_API_KEY: 'a' }, ['acme', 'cumulus']],
    [{ LLM_GATEWAY_CUMULUS_API_KEY: 'c' }, ['cumulus']],
    [{ ACME_API_KEY: '' }, []],
    [{ ACME_API_KEY_2: 'a' }, ['acme']],
    [{ ACME_API_KEY_OLD: 'a', ACME_BASE_URL: 'http://x' }, []],
    [{ DEN_URL: 'http://localhost:1/v1' }, ['den']],
    [{ EDGE_URL: 'http://localhost:1/v1' }, ['edge-box']],
    [{ LLM_GATEWAY_EDGE_BOX_BASE_URL: 'http://localhost:1/v1' }, ['edge-box']],
    [{ LLM_GATEWAY_DEN_API_KEY: 'd' }, []],
    [{ LLM_PROVIDER: 'edge-box' }, ['edge-box']],
    [{ LLM_PRIORITY_ORDER: 'den,edge-box,acme' }, ['edge-box']],
  ])('%j configures %j', (env, names) => {
    expect(providerNames(env)).toEqual(names)
  })

  it('a key without the address that its provider needs is told', () => {
    const { config, notices } = load({ env: { NORTH_API_KEY: 'n' } })
    expect(config?.providers).toEqual([])
    expect(notices).toContain(
      'NORTH_API_KEY is set, but borealis is left out: it also needs LLM_GATEWAY_BOREALIS_BASE_URL or BOREALIS_ENDPOINT.',
    )
  })

  it('without any provider it says what to do', () => {
    expect(load({}).notices).toContain(
      'No provider is configured, so every call will fail. To fix it, write providers in the file, or set the key of one, such as ACME_API_KEY or BOREALIS_API_KEY or CUMULUS_API_KEY.',
    )
  })
})

describe('the variables of a provider', () => {
  const provider = (env: Record<string, string>, dotenv?: string) => configOf({ env, dotenv }).providers[0]

  it('set all of it', () => {
    expect(
      provider({
        ACME_API_KEY: 'a',
        ACME_BASE_URL: 'http://other.test/v2/',
        ACME_MODEL: 'acme-1',
        ACME_ORGANIZATION: 'org',
        ACME_REGION: 'eu',
      }),
    ).toMatchObject({
      name: 'acme',
      baseUrl: 'http://other.test/v2',
      keys: ['a'],
      defaultModel: 'acme-1',
      headers: {},
      timeout: { connect: 3000, firstToken: 120_000, idle: 60_000, total: 600_000 },
      streamUnary: false,
      options: { organization: 'org', region: 'eu' },
    })
  })

  it.each([
    [{ ACME_API_KEY: ' a\n' }, ['a']],
    [{ ACME_API_KEY_10: 'c', ACME_API_KEY_2: 'b', ACME_API_KEY_1: 'a' }, ['a', 'b', 'c']],
    [{ ACME_API_KEY: 'z', ACME_API_KEY_1: 'a', ACME_API_KEY_3: 'z' }, ['z', 'a']],
    [{ ACME_API_KEY: 'short', LLM_GATEWAY_ACME_API_KEY: 'long' }, ['long']],
    [{ ACME_API_KEY_1: 'short', LLM_GATEWAY_ACME_API_KEY_1: 'long' }, ['long']],
  ])('%j gives the keys %j', (env, keys) => {
    expect(provider(env)?.keys).toEqual(keys)
  })

  it.each([
    [{ ...withKey, ACME_REGION: 'mars' }, /^ACME_REGION: /],
    [{ ...withKey, ACME_MODEL: 'a b' }, /^ACME_MODEL: must be the id of a model/],
    [{ ...withKey, ACME_BASE_URL: 'acme.test' }, /^ACME_BASE_URL: must be an http:\/\/ or https:\/\/ URL$/],
    [{ ...withKey, ACME_BASE_URL: 'http://169.254.169.254' }, /^ACME_BASE_URL: must not be the metadata service/],
    [
      { ACME_API_KEY_2: 'schlüssel' },
      /^ACME_API_KEY_2: contains characters that no key has: check for spaces and line breaks$/,
    ],
    [
      { BOREALIS_API_KEY: 'b', BOREALIS_ENDPOINT: 'http://b' },
      /^providers.borealis.tenant: is missing: write it, or set BOREALIS_TENANT$/,
    ],
    [
      { LLM_PROVIDER: 'acme' },
      /^providers.acme.keys: is missing: acme needs a key; set LLM_GATEWAY_ACME_API_KEY or ACME_API_KEY$/,
    ],
    [
      { LLM_PROVIDER: 'den' },
      /^providers.den.base_url: is missing: write it, or set LLM_GATEWAY_DEN_BASE_URL or DEN_URL$/,
    ],
  ])('%j is refused', (env, problem) => {
    expect(problemsOf({ env })[0]).toMatch(problem)
  })
})

describe('rank', () => {
  it('is flags, file, LLM_GATEWAY_*, short names, .env', () => {
    const all = {
      flags: { 'log-level': 'trace' },
      file: 'telemetry: { log_level: debug }',
      env: { LLM_GATEWAY_LOG_LEVEL: 'info' },
      dotenv: 'LLM_GATEWAY_LOG_LEVEL=warn',
    }
    const level = (leave: readonly (keyof typeof all)[]) => {
      const left = Object.fromEntries(Object.entries(all).filter(([key]) => !leave.some((name) => name === key)))
      return configOf(left).telemetry.logLevel
    }
    expect(level([])).toBe('trace')
    expect(level(['flags'])).toBe('debug')
    expect(level(['flags', 'file'])).toBe('info')
    expect(level(['flags', 'file', 'env'])).toBe('warn')
    expect(level(['flags', 'file', 'env', 'dotenv'])).toBe('info')
  })

  it('puts a short name of the environment before a long one of .env', () => {
    const { priority } = configOf({
      env: { LLM_PROVIDER: 'acme', ACME_API_KEY: 'a' },
      dotenv: 'LLM_GATEWAY_PRIMARY_PROVIDER=cumulus\nCUMULUS_API_KEY="c"',
    })
    expect(priority).toEqual(['acme'])
  })

  it('lets the environment set what .env leaves open, one variable at a time', () => {
    const { providers } = configOf({ env: { ACME_MODEL: 'm' }, dotenv: 'ACME_API_KEY=a\nACME_MODEL=n\n' })
    expect(providers[0]).toMatchObject({ keys: ['a'], defaultModel: 'm' })
  })

  it('lets a file outrank variables', () => {
    const { defaults, telemetry, server } = configOf({
      env: { TEMPERATURE: '1', MAX_TOKENS: '10', OTEL_TRACES_SAMPLER_ARG: '0.5', LLM_GATEWAY_HTTP_ADDRESS: ':1' },
      file: 'defaults: { temperature: 0 }\ntelemetry: { sample_ratio: 0 }\nserver: { http: ":2" }',
    })
    expect(defaults).toEqual({ temperature: 0, maxTokens: 10 })
    expect(telemetry.sampleRatio).toBe(0)
    expect(server.http.port).toBe(2)
  })
})

describe('defaults of calls', () => {
  it.each([
    [{ TEMPERATURE: '0' }, { temperature: 0 }],
    [
      { TEMPERATURE: '2', MAX_TOKENS: '1' },
      { temperature: 2, maxTokens: 1 },
    ],
    [{ TEMPERATURE: '', MAX_TOKENS: ' ' }, {}],
  ])('%j', (env, defaults) => {
    expect(configOf({ env }).defaults).toEqual(defaults)
  })

  it.each([
    [{ TEMPERATURE: 'warm' }, 'TEMPERATURE: must be a number from 0 to 2'],
    [{ TEMPERATURE: '2.1' }, 'TEMPERATURE: must be a number from 0 to 2'],
    [{ MAX_TOKENS: '0' }, 'MAX_TOKENS: must be a whole number from 1 to 2147483647'],
    [{ MAX_TOKENS: '4k' }, 'MAX_TOKENS: must be a whole number from 1 to 2147483647'],
  ])('%j is refused', (env, problem) => {
    expect(problemsOf({ env })).toEqual([problem])
  })
})

describe('telemetry and proxies', () => {
  it.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318' }, 'http://otel:4318/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://otel/custom' }, 'http://otel/custom'],
    [
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://a/custom', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://b' },
      'http://a/custom',
    ],
  ])('%j sends traces to %s', (env, endpoint) => {
    expect(configOf({ env }).telemetry.otlpEndpoint).toBe(endpoint)
  })

  it('reads the proxies, lower case first', () => {
    const env = { HTTPS_PROXY: 'http://a:1', https_proxy: 'b:2', HTTP_PROXY: 'http://c:3', NO_PROXY: 'localhost,.test' }
    expect(configOf({ env }).proxy).toEqual({ https: 'http://b:2/', http: 'http://c:3/', no: 'localhost,.test' })
  })
})

describe('a variable that has no effect', () => {
  const reported = (env: Record<string, string>) => load({ env: { ...withKey, ...env } })

  it.each([
    [{ CACHE_TTL: '60' }, 'CACHE_TTL: no effect without a cache. Set CACHE_ENABLED=true to turn it on.'],
    [
      { RATE_LIMIT_WINDOW_MS: '1000' },
      'RATE_LIMIT_WINDOW_MS has no effect without the variable for the number of requests. Set that too.',
    ],
    [
      { LLM_GATEWAY_ACM_MODEL: 'm' },
      'LLM_GATEWAY_ACM_MODEL is not a variable of this gateway. Did you mean "LLM_GATEWAY_ACME_MODEL"',
    ],
  ])('%j is told', (env, notice) => {
    const { config, notices, unenforced } = reported(env)
    expect(config).toBeDefined()
    expect(notices.find((text) => text.startsWith(notice))).toBeDefined()
    expect(unenforced).toEqual([])
  })

  it.each([
    { CACHE_ENABLED: 'false', CACHE_TTL: '60' },
    { LLM_GATEWAY_SERVICE_HOST: '10.0.0.1', LLM_GATEWAY_SERVICE_PORT_GRPC: '1', LLM_GATEWAY_PORT_8080_TCP_ADDR: 'a' },
    { LLM_GATEWAY_PORT: 'tcp://10.0.0.1:50051' },
    { LLM_GATEWAY_ACME_API_KEY_7: 'key' },
  ])('%j is not worth a word', (env) => {
    expect(reported(env).notices).toEqual(reported({}).notices)
  })

  it('is told when Node cannot read it from .env', () => {
    const { notices } = load({ dotenv: 'NODE_EXTRA_CA_CERTS=/ca.pem' })
    expect(notices.some((text) => text.startsWith('NODE_EXTRA_CA_CERTS has no effect in .env'))).toBe(true)
  })
})

/** Users have these in their environments. */
const asked = `OPENAI_API_KEY OPENAI_MODEL OPENAI_ORGANIZATION ANTHROPIC_API_KEY ANTHROPIC_MODEL GOOGLE_API_KEY
  GOOGLE_PROJECT_ID GEMINI_API_KEY GEMINI_API_KEY_1 GEMINI_API_KEY_12 GEMINI_MODEL GROQ_API_KEY XAI_API_KEY
  AZURE_OPENAI_API_KEY AZURE_OPENAI_ENDPOINT AZURE_OPENAI_DEPLOYMENT_NAME AZURE_OPENAI_API_VERSION LLM_PROVIDER
  LLM_PRIORITY_ORDER DMR_BASE_URL MAX_TOKENS TEMPERATURE REDIS_URL JWT_SECRET CACHE_ENABLED CACHE_TTL CACHE_MAX_SIZE
  CACHE_STRATEGY COST_TRACKING_ENABLED COST_CURRENCY COST_BUDGET_DAILY COST_BUDGET_MONTHLY COST_ALERT_THRESHOLD
  COST_ALERT_EMAIL RATE_LIMIT_WINDOW_MS RATE_LIMIT_MAX_REQUESTS LLM_RATE_LIMIT_WINDOW_MS LLM_RATE_LIMIT_MAX_REQUESTS
  LLM_GATEWAY_PRIMARY_PROVIDER LLM_GATEWAY_FALLBACK_PROVIDERS LLM_GATEWAY_OLLAMA_BASE_URL LLM_GATEWAY_OLLAMA_MODEL
  LLM_GATEWAY_OPENAI_API_KEY LLM_GATEWAY_OPENAI_MODEL LLM_GATEWAY_ANTHROPIC_API_KEY LLM_GATEWAY_ANTHROPIC_MODEL
  LLM_GATEWAY_LOCAL_BASE_URL LLM_GATEWAY_LOCAL_MODEL LLM_GATEWAY_CACHE_ENABLED LLM_GATEWAY_CACHE_TTL
  LLM_GATEWAY_CACHE_MAX_SIZE`.split(/\s+/)

describe('with the real providers', () => {
  const valid: Record<string, string> = {
    TEMPERATURE: '0.7',
    CACHE_ENABLED: 'true',
    CACHE_TTL: '60',
    CACHE_MAX_SIZE: '10',
    CACHE_STRATEGY: 'memory',
    LLM_GATEWAY_CACHE_ENABLED: 'true',
    LLM_GATEWAY_CACHE_TTL: '60',
    LLM_GATEWAY_CACHE_MAX_SIZE: '10',
    COST_TRACKING_ENABLED: 'true',
    COST_CURRENCY: 'EUR',
    COST_BUDGET_DAILY: '5',
    COST_BUDGET_MONTHLY: '50.5',
    COST_ALERT_THRESHOLD: '70',
    COST_ALERT_EMAIL: 'ops@example.com',
    MAX_TOKENS: '100',
    LLM_PROVIDER: 'openai',
    LLM_GATEWAY_PRIMARY_PROVIDER: 'openai',
    LLM_PRIORITY_ORDER: 'openai,groq',
    LLM_GATEWAY_FALLBACK_PROVIDERS: 'groq',
    JWT_SECRET: 's'.repeat(32),
    REDIS_URL: 'redis://cache:6379',
    RATE_LIMIT_WINDOW_MS: '60000',
    RATE_LIMIT_MAX_REQUESTS: '100',
    LLM_RATE_LIMIT_WINDOW_MS: '1000',
    LLM_RATE_LIMIT_MAX_REQUESTS: '10',
    AZURE_OPENAI_ENDPOINT: 'https://acme.openai.azure.com',
    DMR_BASE_URL: 'http://localhost:12434/engines/v1',
    LLM_GATEWAY_LOCAL_BASE_URL: 'http://localhost:8081/v1',
    LLM_GATEWAY_OLLAMA_BASE_URL: 'http://localhost:11434',
  }
  const base = {
    LLM_GATEWAY_COST_USD_RATE: '0.9',
    OPENAI_API_KEY: 'o',
    GROQ_API_KEY: 'g',
    ANTHROPIC_API_KEY: 'a',
    GOOGLE_API_KEY: 'g',
    AZURE_OPENAI_API_KEY: 'a',
    AZURE_OPENAI_ENDPOINT: 'https://x',
    DMR_BASE_URL: 'http://d',
    LLM_GATEWAY_LOCAL_BASE_URL: 'http://l',
  }

  it.each(asked)('%s changes the configuration, or it is told why not', (name) => {
    const rest = Object.fromEntries(Object.entries(base).filter(([other]) => other !== name))
    const without = loadConfig({ env: rest })
    const withIt = loadConfig({ env: { ...rest, [name]: valid[name] ?? 'value' } })
    expect(withIt.problems).toEqual([])
    expect(JSON.stringify(withIt)).not.toBe(JSON.stringify(without))
  })

  it('an environment with all of them starts a gateway', () => {
    const all = Object.fromEntries(asked.map((name) => [name, valid[name] ?? 'value']))
    const env = { ...all, LLM_GATEWAY_COST_USD_RATE: '0.9' }
    const { config, problems, notices } = loadConfig({ env })
    expect(problems).toEqual([])
    expect(config?.providers.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['openai', 'azure', 'groq', 'xai', 'local', 'docker-model-runner']),
    )
    expect(notices.filter((text) => text.includes('is not a variable'))).toEqual([])
  })
})
