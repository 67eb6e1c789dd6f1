import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'

const base = { OPENAI_API_KEY: 'o', GROQ_API_KEY: 'g' }

function load(file = '', env: Record<string, string> = {}) {
  const { config, problems } = loadConfig({ file, env: { ...base, ...env } })
  return { config, problems: problems.map(({ path, reason }) => `${path}: ${reason}`) }
}

test('nothing is limited unless it is asked for', () => {
  const { config } = load()
  expect(config?.limits).toEqual({
    store: 'memory',
    onRedisTrouble: 'local',
    replicas: 1,
    shadow: false,
    aliases: {},
    providers: {},
  })
  expect(config?.redis).toBeUndefined()
})

test('the variables limit each caller and each provider', () => {
  const { config } = load('', {
    RATE_LIMIT_MAX_REQUESTS: '100',
    RATE_LIMIT_WINDOW_MS: '900000',
    LLM_RATE_LIMIT_MAX_REQUESTS: '10',
  })
  expect(config?.limits.caller).toEqual({ requests: 100, window: 900_000 })
  expect(config?.limits.providers).toMatchObject({
    openai: { requests: 10, window: 60_000 },
    groq: { requests: 10, window: 60_000 },
  })
})

test('the file outranks the variables, and what is special what is general', () => {
  const { config } = load(
    `
    auth: { keys: [{ name: web, key: "\${KEY}", models: [a, "b/*"], limits: { concurrent: 2 } }] }
    providers: { openai: { limits: { tokens: 50, window: 10s } }, groq: {} }
    models: { fast: { targets: [groq/m], limits: { requests: 7 } } }
    limits: { caller: { requests: 5 }, address: { requests: 6 }, user: { tokens: 9, window: 1h }, provider: { requests: 8 } }
    `,
    { RATE_LIMIT_MAX_REQUESTS: '100', LLM_RATE_LIMIT_MAX_REQUESTS: '10', KEY: 'k'.repeat(16) },
  )
  expect(config?.limits).toMatchObject({
    caller: { requests: 5, window: 60_000 },
    address: { requests: 6, window: 60_000 },
    user: { tokens: 9, window: 3_600_000 },
    aliases: { fast: { requests: 7, window: 60_000 } },
    providers: {
      openai: { requests: 8, tokens: 50, window: 10_000 },
      groq: { requests: 8, window: 60_000 },
    },
  })
  expect(config?.auth).toMatchObject({ keys: [{ name: 'web', models: ['a', 'b/*'], limits: { concurrent: 2 } }] })
})

test('Redis counts where there is one, unless memory is wanted', () => {
  expect(load('', { REDIS_URL: 'redis://cache' }).config).toMatchObject({
    limits: { store: 'redis' },
    redis: { address: { hosts: [{ host: 'cache', port: 6379 }] }, timeout: 200 },
  })
  const file =
    'limits: { store: memory, shadow: true, replicas: 3, on_redis_trouble: refuse }\nredis: { url: "redis://r", timeout: 1s }'
  expect(load(file).config).toMatchObject({
    limits: { store: 'memory', shadow: true, replicas: 3, onRedisTrouble: 'refuse' },
    redis: { timeout: 1_000 },
  })
})

describe('a mistake is told', () => {
  const REDIS_FORMS =
    'must be redis://[user:password@]host[:port][/db], rediss:// for TLS, or redis+sentinel://host:port,host:port/master[/db]'
  test.each([
    ['limits: { caller: { window: 1m } }', 'limits.caller: needs requests, tokens or concurrent'],
    ['models: { m: { targets: [openai/m], limits: {} } }', 'models.m.limits: needs requests, tokens or concurrent'],
    ['limits: { store: redis }', 'limits.store: redis needs redis.url or REDIS_URL'],
    ['limits: { callers: { requests: 1 } }', 'limits.callers: is not a known key. Did you mean "caller"?'],
    ['limits: { replicas: 0 }', 'limits.replicas: must be a whole number from 1 to 10000'],
    ['redis: { url: "http://x" }', `redis.url: ${REDIS_FORMS}`],
    ['redis: { timeout: 1s }', 'redis.url: is missing: write it, or set REDIS_URL'],
    [
      'redis: { url: "redis://:pw@x" }',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is told
      'redis.url: a secret must not be written here: use "${VARIABLE}", "${file:/path}" or { file: /path }',
    ],
  ])('%s', (file, problem) => {
    expect(load(file).problems).toEqual([problem])
  })

  test('without the password that the URL holds', () => {
    expect(load('', { REDIS_URL: 'redis://:canary@x/y' }).problems).toEqual([`REDIS_URL: ${REDIS_FORMS}`])
  })

  test('a password comes by reference', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is written
    const file = 'redis: { url: "redis://:${PASSWORD}@cache" }'
    expect(load(file, { PASSWORD: 'p' }).config?.redis?.address).toMatchObject({ password: 'p' })
  })
})
