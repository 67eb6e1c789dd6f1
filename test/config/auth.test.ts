// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files in these tests hold references
import { describe, expect, it } from 'vitest'
import { configOf, load, problemsOf } from './kinds.ts'

const secret = 's'.repeat(32)
const env = { ACME_API_KEY: 'a', WEB: 'the-key-of-the-web', OPS: 'the-key-of-the-operators' }
const keys = 'keys: [{ name: web, key: "${WEB}" }]'
const closed =
  'No authentication is configured: only this machine can call. Set auth.keys or JWT_SECRET, or write "auth: none".'

describe('authentication', () => {
  it.each([
    ['', {}, { kind: 'none', stated: false }],
    ['auth: none', {}, { kind: 'none', stated: true }],
    ['', { LLM_GATEWAY_AUTH: 'none' }, { kind: 'none', stated: true }],
    ['', { JWT_SECRET: secret }, { kind: 'required', keys: [], jwt: { secret } }],
    [
      'auth: { jwt: { issuer: me, audience: you } }',
      { JWT_SECRET: secret },
      { kind: 'required', keys: [], jwt: { secret, issuer: 'me', audience: 'you' } },
    ],
    [
      'auth: { jwt: { secret: "${S}" } }',
      { S: secret, JWT_SECRET: 'x'.repeat(40) },
      { kind: 'required', keys: [], jwt: { secret } },
    ],
  ])('%j with %j', (file, more, auth) => {
    expect(configOf({ file, env: { ...env, ...more } }).auth).toEqual(auth)
  })

  it('keeps digests of keys, not keys', () => {
    const digest = 'AB'.repeat(32)
    const { auth } = configOf({
      env,
      file: `auth: { ${keys.slice(0, -1)}, { name: ops, sha256: ${digest}, admin: true }] }`,
    })
    expect(auth).toEqual({
      kind: 'required',
      keys: [
        // printf the-key-of-the-web | sha256sum
        { name: 'web', sha256: '506be2c2f44f9208e5d9f7ca903b1d4d74ee72521337054f4b9bb61473980ed4', admin: false },
        { name: 'ops', sha256: 'ab'.repeat(32), admin: true },
      ],
    })
  })

  it('takes keys and tokens when JWT_SECRET is set beside keys', () => {
    expect(configOf({ env: { ...env, JWT_SECRET: secret }, file: `auth: { ${keys} }` }).auth).toMatchObject({
      keys: [{ name: 'web' }],
      jwt: { secret },
    })
  })

  it.each([
    ['auth: none', {}, '"auth: none"'],
    ['', { LLM_GATEWAY_AUTH: 'none' }, '"LLM_GATEWAY_AUTH=none"'],
  ])('warns when %j %j makes a JWT_SECRET ineffective', (file, more, written) => {
    expect(load({ file, env: { ...env, ...more, JWT_SECRET: secret } }).unenforced).toEqual([
      `JWT_SECRET is set, but ${written} takes precedence: callers are not authenticated.`,
    ])
  })

  it('tells of a key that can be guessed', () => {
    const reported = (key: string) => load({ env: { ...env, WEB: key }, file: `auth: { ${keys} }` }).notices
    expect(reported('k'.repeat(15))).toEqual([
      'auth.keys[0].key has fewer than 16 characters and can be guessed. Use at least 32 random ones.',
    ])
    expect(reported('k'.repeat(16))).toEqual([])
  })

  const short = 'must have at least 32 bytes. Create one with: openssl rand -base64 48'
  it.each([
    ['', { JWT_SECRET: 's'.repeat(31) }, `JWT_SECRET: ${short}`],
    ['auth: { jwt: { secret: "${S}" } }', { S: 'short' }, `auth.jwt.secret: ${short}`],
    ['auth: { jwt: {} }', {}, 'auth.jwt.secret: is missing: write it, or set JWT_SECRET'],
    ['auth: {}', {}, 'auth: needs keys or jwt. Write "auth: none" to accept calls without a credential'],
    ['auth: { keys: [] }', {}, 'auth: needs keys or jwt. Write "auth: none" to accept calls without a credential'],
    ['', { LLM_GATEWAY_AUTH: 'off' }, 'LLM_GATEWAY_AUTH: must be none'],
    ['auth: { keys: [{ name: a }] }', {}, 'auth.keys[0]: needs either key or sha256'],
    [
      `auth: { keys: [{ name: a, key: "\${WEB}", sha256: ${'a'.repeat(64)} }] }`,
      {},
      'auth.keys[0]: needs either key or sha256',
    ],
    [
      'auth: { keys: [{ name: a, sha256: abc }] }',
      {},
      'auth.keys[0].sha256: must be the SHA-256 of a key, 64 hex digits',
    ],
    [
      'auth: { keys: [{ name: a, key: "${WEB}" }, { name: a, key: "${OPS}" }] }',
      {},
      'auth.keys[1].name: is used for two keys: give each its own name',
    ],
    [
      'auth: { keys: [{ name: a, key: "${WEB}" }, { name: b, key: "${WEB}" }] }',
      {},
      'auth.keys[1]: is the same key as another entry: remove one',
    ],
    [
      'auth: { keys: [{ name: a, key: "${WEB}", models: [] }] }',
      {},
      'auth.keys[0].models: must name at least one model',
    ],
    [
      'auth: { keys: [{ name: a, key: "${WEB}", limits: { requests: 0 } }] }',
      {},
      'auth.keys[0].limits.requests: must be a whole number from 1 to 2147483647',
    ],
    ['auth: { keys: [{ name: a, key: "${WEB}", admin: maybe }] }', {}, 'auth.keys[0].admin: must be true or false'],
  ])('%s with %j is refused', (file, more, problem) => {
    expect(problemsOf({ file, env: { ...env, ...more } })).toEqual([problem])
  })

  it('counts the bytes of a secret, not its characters', () => {
    expect(configOf({ env: { JWT_SECRET: 'ü'.repeat(16) } }).auth).toMatchObject({ kind: 'required' })
  })
})

describe('without authentication', () => {
  it.each([
    ['', {}, '127.0.0.1'],
    ['auth: none', {}, '0.0.0.0'],
    ['', { JWT_SECRET: secret }, '0.0.0.0'],
    ['server: { grpc: ":1", http: ":2", metrics: ":3" }', {}, '127.0.0.1'],
    ['server: { grpc: ":1", http: ":2", metrics: ":3" }', { JWT_SECRET: secret }, '0.0.0.0'],
  ])('%j with %j listens on %s', (file, more, host) => {
    const { server } = configOf({ file, env: { ...env, ...more } })
    expect([server.grpc.host, server.http.host, server.metrics.host]).toEqual([host, host, host])
  })

  it('says that only this machine can call', () => {
    expect(load({ env }).notices).toEqual([closed])
    expect(load({ env, file: 'auth: none' }).notices).toEqual([])
  })

  it.each(['127.0.0.1:1', '127.9.9.9:1', '[::1]:1', '[::ffff:127.0.0.1]:1', 'localhost:1', 'LOCALHOST:1'])(
    '%s is fine',
    (address) => {
      expect(configOf({ env: { ...env, LLM_GATEWAY_GRPC_ADDRESS: address } }).server.grpc.port).toBe(1)
    },
  )

  const open =
    'would open the gateway to other machines without authentication: set auth.keys or JWT_SECRET, or write "auth: none"'
  it.each(['0.0.0.0:1', '[::]:1', '10.0.0.7:1', '128.0.0.1:1', 'gateway.test:1', 'localhost.test:1'])(
    '%s is refused',
    (address) => {
      expect(problemsOf({ env: { ...env, LLM_GATEWAY_GRPC_ADDRESS: address } })).toEqual([
        `LLM_GATEWAY_GRPC_ADDRESS: ${open}`,
      ])
      expect(problemsOf({ env, file: `server: { http: "${address}" }` })).toEqual([`server.http: ${open}`])
      expect(problemsOf({ env, flags: { grpc: address } })).toEqual([`--grpc: ${open}`])
      expect(configOf({ env, file: `auth: none\nserver: { http: "${address}" }` }).server.http.port).toBe(1)
      expect(configOf({ env, file: `server: { metrics: "${address}" }` }).server.metrics.port).toBe(1)
    },
  )
})

describe('the doors', () => {
  it.each([
    ['grpc: "127.0.0.1:1", http: "127.0.0.1:1"', 'server.http: is the address of server.grpc'],
    ['grpc: "127.0.0.1:1", metrics: "127.0.0.1:1"', 'server.metrics: is the address of server.grpc'],
    ['http: "127.0.0.1:1", metrics: "0.0.0.0:1"', 'server.metrics: is the address of server.http'],
    ['grpc: ":8080"', 'server.http: is the address of server.grpc'],
    ['metrics: ":8081", health: ":8081"', 'server.health: is the address of server.metrics'],
    ['health: ":8080"', 'server.health: is the address of server.http'],
  ])('{ %s } is refused', (server, problem) => {
    expect(problemsOf({ env, file: `server: { ${server} }` })).toEqual([problem])
  })

  it('may share a port on two addresses, and may all pick a free one', () => {
    expect(configOf({ env, file: 'server: { grpc: "127.0.0.1:1", http: "127.0.0.2:1" }' }).server.http.port).toBe(1)
    expect(configOf({ env, file: 'server: { grpc: ":0", http: ":0", metrics: ":0" }' }).server.http.port).toBe(0)
  })

  it('need certificates that can be read', () => {
    const readFile = (path: string) => {
      if (path === '/etc/gateway/text') return 'no certificate'
      throw Object.assign(new Error('no'), { code: 'EACCES' })
    }
    expect(problemsOf({ env, readFile, file: 'server: { tls: { cert: text, key: /none } }' })).toEqual([
      'server.tls.cert: must be a PEM file',
      'server.tls.key: the file /none cannot be read (EACCES)',
    ])
    expect(problemsOf({ env, readFile, file: 'server: { tls: { cert: text } }' })).toEqual([
      'server.tls.key: is missing',
    ])
  })
})

describe('what callers may set', () => {
  const cached = 'cache: { enabled: true }'

  it('is read for all of them and for single keys', () => {
    const file = `auth: { provider_options: none, cache_namespaces: [faq], ${keys.slice(0, -2)}, provider_options: [acme], cache_namespaces: all }] }`
    const { auth } = configOf({ env, file })
    expect(auth).toMatchObject({ providerOptions: 'none', cacheNamespaces: ['faq'] })
    expect(auth).toMatchObject({ keys: [{ providerOptions: ['acme'], cacheNamespaces: 'all' }] })
  })

  it.each(['some', '7', '{}'])('cannot be %s', (value) => {
    const found = problemsOf({ env, file: `auth: { ${keys}, cache_namespaces: ${value} }` })
    expect(found).toEqual(['auth.cache_namespaces: must be all, none, or a list of names'])
  })

  it('is reported where everybody may use every namespace', () => {
    const { notices } = load({ env, file: `${cached}\nauth: { ${keys}, cache_namespaces: all }` })
    expect(notices.join()).toContain('auth.cache_namespaces: all lets every caller')
    const own = load({ env, file: `${cached}\nauth: { ${keys.slice(0, -2)}, cache_namespaces: all }] }` })
    expect(own.notices.join()).toContain('auth.keys[0].cache_namespaces: all lets this caller')
  })

  it.each([
    `${cached}\nauth: { ${keys} }`,
    `${cached}\nauth: { ${keys}, cache_namespaces: [faq] }`,
    `auth: { ${keys}, cache_namespaces: all }`,
  ])('is not reported with %j', (file) => {
    expect(load({ env, file }).notices.join()).not.toContain('cache_namespaces')
  })
})

describe('the server for probes', () => {
  it.each([
    ['', {}, undefined],
    ['server: { health: ":8081" }', {}, { host: '0.0.0.0', port: 8081 }],
    ['server: { health: "127.0.0.1:8081" }', {}, { host: '127.0.0.1', port: 8081 }],
    ['', { LLM_GATEWAY_HEALTH_ADDRESS: '[::]:8081' }, { host: '::', port: 8081 }],
  ])('is with %j and %j at %j', (file, more, address) => {
    expect(configOf({ file, env: { ...env, ...more } }).server.health).toEqual(address)
  })
})
