// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files in these tests hold references

import { describe, expect, it } from 'vitest'
import { defaultServerSettings } from '../../src/server/settings.ts'
import { configOf, load, problemsOf } from './kinds.ts'

const withKey = { ACME_API_KEY: 'acme-key' }

describe('a file', () => {
  it('that is empty gives every default', () => {
    const { server, batch, auth, models, tasks, priority, defaults, prices, telemetry, proxy } = configOf({
      file: '# nothing\n',
    })
    expect(batch).toEqual({ parallel: 8, parallelPerCaller: 16 })
    expect(server).toEqual({
      grpc: { host: '127.0.0.1', port: 50_051 },
      http: { host: '127.0.0.1', port: 8080 },
      metrics: { host: '127.0.0.1', port: 9464 },
      settings: defaultServerSettings,
      hosts: [],
      cors: { origins: [] },
    })
    expect({ auth, models, tasks, priority, defaults, prices, telemetry, proxy }).toEqual({
      auth: { kind: 'none', stated: false },
      models: [],
      tasks: {},
      priority: [],
      defaults: {},
      prices: { overrides: {}, multipliers: {} },
      telemetry: {
        sampleRatio: 1,
        trustSampled: false,
        propagateToVendors: false,
        logLevel: 'info',
        upstreamMessages: 'log',
      },
      proxy: {},
    })
  })

  it('sets everything', () => {
    const config = configOf({
      env: { ...withKey, PORT: '7001' },
      readFile: (path) => (path === '/etc/gateway/tls/a.pem' ? '-----BEGIN X-----' : ''),
      file: `
        batch: { parallel: 2, parallel_per_caller: 3 }
        server:
          grpc: 0.0.0.0:\${PORT}
          http: ":7002"
          metrics: "[::1]:7003"
          drain: 5
          max_receive_bytes: 1MiB
          max_send_bytes: 2MB
          max_streams: 10
          max_deadline: 1h
          heartbeat: 5s
          keepalive: 20s
          max_connection_age: 1h
          proxy_protocol: { trusted: [10.0.0.0/8, '::1'] }
          hosts: [Gateway.example.com]
          limits:
            connections: 1
            connections_per_address: 2
            read_timeout: 3s
            stall_timeout: 4s
            header_bytes: 8KiB
            pending_bytes: 2MiB
            reply_bytes: 64MiB
            compressed_calls: 7
            resets: 8
            loop_delay: 9ms
          tls: { cert: tls/a.pem, key: tls/a.pem, client_ca: tls/a.pem }
          cors: { origins: [https://app.test] }
        auth: none
        providers: { acme: }
        models:
          default:
            targets:
              - acme/small
              - { target: acme/a/b, weight: 2, defaults: { temperature: 0, max_tokens: 5 } }
            attempt_timeout: 20s
            timeout: { first_token: 5s, total: 1m }
            on_unknown: fail
        tasks: { planning: default, general: acme/small }
        priority: [acme]
        defaults: { temperature: 0.5, max_tokens: 100 }
        prices: { acme/small: { input: 1, output: 0.5, cached_input: 0, cache_write: 2, context_window: 8192 } }
        telemetry: { otlp_endpoint: "http://otel:4318", sample_ratio: 0.25, trust_sampled: true, propagate_to_vendors: true, log_level: debug, upstream_messages: caller }
      `,
    })
    expect(config).toMatchObject({
      server: {
        grpc: { host: '0.0.0.0', port: 7001 },
        http: { host: '0.0.0.0', port: 7002 },
        metrics: { host: '::1', port: 7003 },
        settings: {
          drain: 5000,
          maxReceiveBytes: 1_048_576,
          maxSendBytes: 2_000_000,
          maxStreams: 10,
          maxDuration: 3_600_000,
          heartbeat: 5000,
          keepalive: 20_000,
          maxConnectionAge: 3_600_000,
          trustedProxies: ['10.0.0.0/8', '::1'],
          maxConnections: 1,
          maxConnectionsPerAddress: 2,
          readTimeout: 3000,
          stallTimeout: 4000,
          maxHeaderBytes: 8192,
          maxPendingBytes: 2_097_152,
          maxReplyBytes: 64 * 2 ** 20,
          maxCompressedCalls: 7,
          maxResets: 8,
          maxLoopDelay: 9,
        },
        tls: { cert: '/etc/gateway/tls/a.pem', key: '/etc/gateway/tls/a.pem', clientCa: '/etc/gateway/tls/a.pem' },
        hosts: ['gateway.example.com'],
        cors: { origins: ['https://app.test'] },
      },
      batch: { parallel: 2, parallelPerCaller: 3 },
      auth: { kind: 'none', stated: true },
      models: [
        {
          name: 'default',
          targets: [
            { target: 'acme/small', defaults: {} },
            { target: 'acme/a/b', weight: 2, defaults: { temperature: 0, maxTokens: 5 } },
          ],
          attemptTimeout: 20_000,
          timeout: { firstToken: 5_000, total: 60_000 },
          onUnknown: 'fail',
        },
      ],
      tasks: { planning: 'default', general: 'acme/small' },
      priority: ['acme'],
      defaults: { temperature: 0.5, maxTokens: 100 },
      prices: {
        overrides: { 'acme/small': { input: 1, output: 0.5, cachedInput: 0, cacheWrite: 2, contextWindow: 8192 } },
        multipliers: {},
      },
      telemetry: {
        otlpEndpoint: 'http://otel:4318/v1/traces',
        sampleRatio: 0.25,
        trustSampled: true,
        propagateToVendors: true,
        logLevel: 'debug',
        upstreamMessages: 'caller',
      },
    })
  })

  it('tells all its mistakes at once, each with its path', () => {
    const file = `
      server: { grpc: nowhere, htpt: ":1", cors: { origins: [app.test] } }
      auth: { keys: [{ key: "\${WEB}" }], jwt: { sercet: x } }
      providers:
        acme: { base_ulr: x, timeout: { conect: 1s }, organisation: me }
        opera: {}
      models:
        default: { targets: [acme/x, { target: acme }], strategy: cheapest }
        "gpt-4.1": { targets: [] }
      cache: { enabled: true, strategy: disk, tll: 1h }
      redis: { ulr: x }
      telemetry: { log_level: 3, sample_ratio: 2 }
    `
    expect(problemsOf({ env: { ...withKey, WEB: 'web-key' }, file })).toEqual([
      'server.grpc: must be an address such as 127.0.0.1:50051, [::1]:50051 or :50051',
      'server.cors.origins[0]: must be an origin such as https://app.example.com, without a path, or *',
      'server.htpt: is not a known key. Did you mean "http"?',
      'auth.keys[0].name: is missing',
      'auth.jwt.sercet: is not a known key. Did you mean "secret"?',
      'models.default.strategy: must be one of priority, weighted, least_latency, least_cost',
      'models.default.targets[1].target: must be a target such as provider/model',
      'models["gpt-4.1"].targets: must name at least one target',
      'cache.strategy: must be one of memory, redis, hybrid',
      'cache.tll: is not a known key. Did you mean "ttl"?',
      'redis.ulr: is not a known key',
      'telemetry.sample_ratio: must be a number from 0 to 1',
      'telemetry.log_level: must be one of trace, debug, info, warn, error, fatal, silent',
      'providers.acme.timeout.conect: is not a known key. Did you mean "connect"?',
      'providers.acme.base_ulr: is not a known key. Did you mean "base_url"?',
      'providers.acme.organisation: is not a known key. Did you mean "organization"?',
      'providers.opera.kind: "opera" is not a kind of provider; known: acme, borealis, cumulus, den, edge-box',
    ])
  })

  it.each([
    ['a: [1\nb: 2', /^line 2, column 1: is not valid YAML: bad indent$/],
    ['a: 1\na: 2', /^line 2, column 1: is not valid YAML: duplicate key$/],
    ['a: 1\n---\nb: 2', /^line 2, column 1: is not valid YAML: multiple docs$/],
    ['a: "b', /^line 1, column 6: is not valid YAML: missing char$/],
    ['server: &me { grpc: *me }', /^server: is nested too deeply$/],
    ['- 1', /^the file: must be a block of keys$/],
    ['text', /^the file: must be a block of keys$/],
    ['auth: everyone', /^auth: must be none, or a block of keys$/],
    ['server: 3', /^server: must be a block of keys$/],
    ['providers: [acme]', /^providers: must be a block of keys$/],
    ['priority: acme', /^priority: must be a list$/],
    ['providers: { Acme: {} }', /^providers.Acme: a name must be made of a-z, 0-9, "-" and "_", and begin with/],
    ['models: { m: { targets: [[]] } }', /^models.m.targets\[0\]: must be a block of keys$/],
    ['server: { drain: [] }', /^server.drain: must be a duration/],
    ['batch: { parallel: 0 }', /^batch.parallel: must be a whole number from 1 to 1000$/],
    ['batch: { per_caller: 4 }', /^batch.per_caller: is not a known key/],
    ['server: { max_streams: 0 }', /^server.max_streams: must be a whole number from 1 to 1000000$/],
    ['defaults: { temperature: 2.1 }', /^defaults.temperature: must be a number from 0 to 2$/],
    ['defaults: { max_tokens: 2147483648 }', /^defaults.max_tokens: must be a whole number from 1 to 2147483647$/],
    ['providers: { acme: { constructor: 1 } }', /^providers.acme.constructor: is not a known key$/],
    ['__proto__: { server: 1 }', /^__proto__: is not a known key$/],
  ])('%j is refused', (file, problem) => {
    expect(problemsOf({ file, env: withKey })[0]).toMatch(problem)
  })

  it('whose aliases unfold into something huge is refused', () => {
    const layers = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`)
    expect(problemsOf({ file: `l0: &l0 [x]\n${layers.join('\n')}` })).toEqual([
      'the file: uses too many aliases: write the repeated parts out',
    ])
  })

  it('may leave a block empty', () => {
    expect(configOf({ file: 'server:\nmodels:\n', env: withKey }).providers).toHaveLength(1)
  })
})

describe('a secret', () => {
  const keyed = (key: string) => `auth: { keys: [{ name: web, key: ${key} }] }`
  const literal = 'a secret must not be written here: use "${VARIABLE}", "${file:/path}" or { file: /path }'
  const readFile = (path: string) => {
    if (path === '/run/key') return ' sixteen-characters\n'
    if (path === '/run/empty') return '\n'
    throw Object.assign(new Error('no'), { code: 'ENOENT' })
  }

  it.each(['"${WEB_KEY}"', '"${file:/run/key}"', '{ file: /run/key }', '{ file: ../../run/key }'])(
    'comes by %s',
    (key) => {
      const { auth } = configOf({ file: keyed(key), env: { WEB_KEY: 'sixteen-characters' }, readFile })
      expect(auth).toMatchObject({
        keys: [{ sha256: '22736811bed4bcec5133079ead9bbd5657167b7673a8e5cffd74d253d3539443' }],
      })
    },
  )

  it.each([
    ['auth: { keys: [{ name: web, key: literal }] }', `auth.keys[0].key: ${literal}`],
    ['auth: { keys: [{ name: web, key: "a${WEB_KEY}" }] }', `auth.keys[0].key: ${literal}`],
    ['auth: { keys: [{ name: web, key: "$${WEB_KEY}" }] }', `auth.keys[0].key: ${literal}`],
    ['auth: { keys: [{ name: web, key: 12345 }] }', `auth.keys[0].key: ${literal}`],
    ['auth: { jwt: { secret: literal } }', `auth.jwt.secret: ${literal}`],
    ['providers: { acme: { keys: [literal] } }', `providers.acme.keys[0]: ${literal}`],
    ['providers: { acme: { headers: { X-Api-Token: literal } } }', `providers.acme.headers.X-Api-Token: ${literal}`],
    [keyed('"${NOPE}"'), 'auth.keys[0].key: the environment variable NOPE is not set'],
    [keyed('"${EMPTY}"'), 'auth.keys[0].key: the environment variable EMPTY is not set'],
    [keyed('"${A:-b}"'), 'auth.keys[0].key: write a reference as ${VARIABLE} or ${file:/path}'],
    [keyed('{ file: /run/none }'), 'auth.keys[0].key: the file /run/none cannot be read (ENOENT)'],
    [keyed('{ file: /run/empty }'), 'auth.keys[0].key: the file /run/empty is empty'],
    ['server: { grpc: "${NOPE}:1" }', 'server.grpc: the environment variable NOPE is not set'],
  ])('%s is refused', (file, problem) => {
    expect(problemsOf({ file, env: { ...withKey, WEB_KEY: 'key', EMPTY: ' ' }, readFile })).toContain(problem)
  })

  it('is in no text that is told', () => {
    const secret = 'canary-secret'
    const reported = load({
      env: {
        S: secret,
        ACME_API_KEY: `${secret}\u0001`,
        MAX_TOKENS: secret,
        JWT_SECRET: secret,
        HTTPS_PROXY: `socks://${secret}`,
      },
      file: `
        server: { drain: "\${S}", grpc: "\${S}" }
        auth: { keys: [{ name: a, key: "\${S}", admin: "\${S}" }] }
        providers: { acme: { base_url: "http://\${S}@host", keys: ["\${S}"], region: "\${S}" } }
        telemetry: { otlp_endpoint: "\${S}", log_level: "\${S}" }
      `,
    })
    expect(reported.problems.length).toBeGreaterThan(5)
    expect(JSON.stringify(reported)).not.toContain(secret)
  })

  it.each([
    'a: |x\n canary',
    'a: b\n canary: c\ncanary',
    '@canary',
    'a: !canary b',
    'a: *canary',
    '"\\canary"',
    '%canary\n---\n|canary',
  ])('is not told of a file that is broken, such as %j', (file) => {
    const reported = load({ file })
    expect(reported.problems).toHaveLength(1)
    expect(JSON.stringify(reported)).not.toContain('canary')
  })
})
