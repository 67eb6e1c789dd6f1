// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files in these tests hold references
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkReport } from '../../src/config/check.ts'
import { readCommandLine } from '../../src/config/env/flags.ts'
import { readConfig } from '../../src/config/read.ts'
import { load } from './kinds.ts'

const env = { ACME_API_KEY: 'acme-key-with-many-letters', WEB: 'the-key-of-the-web' }

describe('check', () => {
  it('prints what would run, with secrets masked, and exits 0', () => {
    const loaded = load({
      env: { ...env, JWT_SECRET: 's'.repeat(32) },
      readFile: () => '-----BEGIN CERTIFICATE-----',
      file: `
        server: { http: "[::1]:0", tls: { cert: c, key: k } }
        auth: { keys: [{ name: web, key: "\${WEB}" }, { name: ops, sha256: ${'a'.repeat(64)}, admin: true }] }
        providers: { acme: { default_model: acme-1 }, small: { kind: den, base_url: http://den:1/v1, keys: ["\${WEB}"] } }
        models: { default: { targets: [acme/acme-1, small/x] } }
      `,
    })
    expect(checkReport(loaded)).toEqual({
      lines: [
        'gRPC on 0.0.0.0:50051 (TLS), HTTP on [::1]:0 (TLS), metrics on 0.0.0.0:9464',
        'callers: web, ops (admin), bearers of a JWT',
        'provider acme: https://api.acme.test/v1, keys ****ters, default model acme-1',
        'provider small: kind den, http://den:1/v1, keys ****',
        'alias default: acme/acme-1, small/x',
        'a call that names nothing: alias default',
      ],
      exitCode: 0,
    })
  })

  it('prints each problem as path: reason, and exits 1', () => {
    expect(checkReport(load({ env: { TEMPERATURE: 'warm' }, file: 'auth: none\npriority: [acme]' }))).toEqual({
      lines: [
        'TEMPERATURE: must be a number from 0 to 2',
        'priority[0]: "acme" is not a configured provider',
        'note: No provider is configured, so every call will fail. To fix it, write providers in the file, or set the key of one, such as ACME_API_KEY or BOREALIS_API_KEY or CUMULUS_API_KEY.',
      ],
      exitCode: 1,
    })
  })
})

describe('a working directory', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'config-'))
    mkdirSync(join(directory, 'etc'))
    writeFileSync(join(directory, '.env'), 'GROQ_API_KEY=from-dotenv\nLLM_GATEWAY_CONFIG=etc/b.yaml\n')
    writeFileSync(join(directory, 'etc', 'key'), 'key-from-file\n')
    writeFileSync(
      join(directory, 'etc', 'a.yaml'),
      'providers: { groq: { keys: [{ file: key }] } }\nserver: { drain: 1 }',
    )
    writeFileSync(join(directory, 'etc', 'b.yaml'), 'server: { drain: 2 }')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const read = (flags = {}, variables = {}) => readConfig({ flags, env: variables, workingDirectory: directory })

  it('gives .env, and the file that a flag, a variable or .env names', () => {
    expect(read({ config: 'etc/a.yaml' }, { LLM_GATEWAY_CONFIG: 'etc/b.yaml' }).config?.server.settings.drain).toBe(
      1000,
    )
    expect(read({}, { LLM_GATEWAY_CONFIG: join(directory, 'etc/a.yaml') }).config?.server.settings.drain).toBe(1000)
    expect(read().config).toMatchObject({
      server: { settings: { drain: 2000 } },
      providers: [
        { name: 'groq', keys: ['from-dotenv'] },
        { name: 'ollama', assumed: true },
      ],
    })
  })

  it('is not where the files start that a configuration names: its own folder is', () => {
    expect(read({ config: 'etc/a.yaml' }).config?.providers[0]?.keys).toEqual(['key-from-file'])
  })

  it('without the file that is named is a problem', () => {
    expect(read({ config: 'none.yaml' }).problems).toEqual([
      { path: '--config', reason: `the file ${directory}/none.yaml cannot be read (ENOENT)` },
    ])
    expect(read({}, { LLM_GATEWAY_CONFIG: 'etc' }).problems).toEqual([
      { path: 'LLM_GATEWAY_CONFIG', reason: `the file ${directory}/etc cannot be read (EISDIR)` },
    ])
  })

  it('without .env, or with a folder of that name, is fine', () => {
    rmSync(join(directory, '.env'))
    expect(read().config?.providers).toMatchObject([{ name: 'ollama', keys: [] }])
    mkdirSync(join(directory, '.env'))
    expect(read().config?.providers).toMatchObject([{ name: 'ollama', keys: [] }])
  })
})

describe('the command line', () => {
  it.each([
    [['serve', '--config', 'a.yaml'], ['serve'], { config: 'a.yaml' }],
    [['--grpc=:0', 'health', 'localhost:1'], ['health', 'localhost:1'], { grpc: ':0' }],
    [
      ['--http', ':1', '--metrics', ':2', '--log-level', 'debug'],
      [],
      { http: ':1', metrics: ':2', 'log-level': 'debug' },
    ],
  ])('%j', (args, words, flags) => {
    expect(readCommandLine(args)).toEqual({ words, flags })
  })

  it.each([[['--port', '1']], [['--config']]])('%j is refused', (args) => {
    expect(readCommandLine(args)).toMatchObject({ reason: expect.stringContaining(args[0] ?? '') })
  })

  it('has flags that are checked like everything else', () => {
    const { problems } = load({ env, flags: { grpc: 'nowhere', 'log-level': 'loud' } })
    expect(problems.map(({ path }) => path)).toEqual(['--grpc', '--log-level'])
  })

  it('moves the doors', () => {
    const { config } = load({
      env,
      flags: { grpc: ':0', http: '127.0.0.1:1', metrics: '[::1]:2' },
      file: 'server: { grpc: ":5" }',
    })
    expect(config?.server).toMatchObject({
      grpc: { host: '127.0.0.1', port: 0 },
      http: { host: '127.0.0.1', port: 1 },
      metrics: { host: '::1', port: 2 },
    })
  })
})
