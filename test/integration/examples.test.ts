import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fromJsonString } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { LlmGatewayAdmin } from '../../gen/llmgateway/v1/admin_pb.js'
import { EstimateRequestSchema } from '../../gen/llmgateway/v1/estimate_pb.js'
import { LlmGateway } from '../../gen/llmgateway/v1/gateway_pb.js'
import { chat } from '../support/client.ts'
import { complete } from '../support/completions.ts'
import { startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { runProcess } from '../support/process.ts'
import { startVendor } from '../support/vendor-server.ts'

const ROOT = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8')

/** The examples of docs/calls.md in one language. */
function blocksOf(language: string): string[] {
  const blocks = read('docs/calls.md').matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))
  return [...blocks].map(([, code = '']) => code)
}

describe('the examples of docs/calls.md', () => {
  it('are those of the files beside it, which are run', () => {
    const files = { sh: 'calls.sh', ts: 'calls.ts', python: 'calls.py' } as const
    for (const [language, file] of Object.entries(files)) {
      const example = read(`docs/examples/${file}`)
      const blocks = blocksOf(language)
      expect(blocks.length).toBeGreaterThan(10)
      for (const block of blocks) expect(example).toContain(block)
    }
  })

  it.each([LlmGateway, LlmGatewayAdmin])('are of every call of $typeName', ({ typeName, methods }) => {
    const client = typeName === LlmGateway.typeName ? 'gateway' : 'admin'
    const [sh, ts, python] = ['sh', 'ts', 'python'].map((language) => blocksOf(language).join('\n'))
    const missing = methods.filter(({ name, localName }) => {
      const called = [`${typeName}/${name}\n`, `${typeName}/${name} `].some((path) => sh?.includes(path))
      return !called || !ts?.includes(`${client}.${localName}(`) || !python?.includes(`${client}.${name}(`)
    })
    expect(missing.map(({ name }) => name)).toEqual([])
  })

  it('print what they should in TypeScript', async () => {
    const ollama = await startVendor()
    ollama.answer(({ path }) => ({
      pieces: [path === '/api/pull' ? '{"status":"pulling manifest"}\n{"status":"success"}\n' : '{"models":[]}'],
    }))
    const env = { OLLAMA_BASE_URL: ollama.url }
    const gateway = await startGateway({ yaml: read('docs/examples/calls.yaml'), env })
    try {
      const args = ['--import', 'tsx', 'docs/examples/calls.ts', gateway.grpc]
      const { exitCode, stdout, stderr } = await runProcess(process.execPath, args, { cwd: fileURLToPath(ROOT) })
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stdout.split('\n')).toEqual(
        expect.arrayContaining([
          'Say hello. sim',
          'the context of small/echo is too small: the oldest turn was dropped',
          'Once upon a time []',
          '1 UPSTREAM_OVERLOADED',
          '[ 768, 768 ]',
          '1 has run',
          '2 true',
          'sim/echo Chat StreamChat BatchChat Complete StreamComplete Embed',
          'READY success 100',
          'daily 15',
          'log true written',
        ]),
      )
    } finally {
      await gateway.close()
      await ollama.close()
    }
  })
})

it('the TypeScript example prints what the README says', async () => {
  const gateway = await startGateway({ yaml: read('docs/examples/simulator.yaml') })
  try {
    const args = ['--import', 'tsx', 'docs/examples/client.ts', gateway.grpc]
    const { stdout } = await runProcess(process.execPath, args, { cwd: fileURLToPath(ROOT) })
    expect(stdout).toContain('UPSTREAM_RATE_LIMITED')
    expect(read('README.md')).toContain(`Both print:\n\n${stdout.replace(/^(?=.)/gm, '    ')}\n`)
  } finally {
    await gateway.close()
  }
})

it('the estimate in the README is that of its gateway', async () => {
  const shown =
    /grpcurl -plaintext -d '([^']+)' \\\n +localhost:50051 llmgateway.v1.LlmGateway\/Estimate\n([\s\S]*?)\n\n/
  const [, request = '', response = ''] = shown.exec(read('README.md')) ?? []
  const gateway = await startGateway({ yaml: read('docs/examples/simulator.yaml') })
  const client = new GrpcClient(gateway.grpc)
  try {
    const { value } = await client.unary(LlmGateway.method.estimate, fromJsonString(EstimateRequestSchema, request))
    const { targets } = JSON.parse(response.replace(', ...', ''))
    expect(value?.targets).toMatchObject(targets)
  } finally {
    client.close()
    await gateway.close()
  }
})

/** The production file as it is, but for TLS and with the simulator in the place of each vendor and each model. */
function onSimulator(): string {
  const file = parse(read('docs/examples/production.yaml').replaceAll(/\b(openai|anthropic|own)\/[\w.-]+/g, '$1/echo'))
  const { tls: _tls, ...server } = file.server
  const providers = Object.fromEntries(Object.keys(file.providers).map((name) => [name, { kind: 'simulator' }]))
  // JSON is YAML.
  return JSON.stringify({ ...file, server, providers, prices: {} })
}

describe('the production example on the simulator', () => {
  const web = 'web-key-0123456789abcdef'
  const env = {
    WEB_KEY: web,
    REPORTS_KEY: 'reports-key-0123456789ab',
    OPERATORS_KEY: 'ops-key-0123456789abcdef',
    LEDGER_URL: 'memory',
  }
  const asWeb = { metadata: { authorization: `Bearer ${web}` } }

  it('routes simple work to the own model, complex work to the vendors, and verifies from the cache first', async () => {
    const gateway = await startGateway({ yaml: onSimulator(), env })
    const client = new GrpcClient(gateway.grpc)
    try {
      const routeOf = async (taskType: string) => (await chat(client, { taskType }, asWeb)).value?.route
      const providers: Record<string, string | undefined> = {}
      for (const type of ['planning', 'architecture', 'complex_generation', 'simple_generation', 'general']) {
        providers[type] = (await routeOf(type))?.provider
      }
      expect(providers).toEqual({
        planning: 'anthropic',
        architecture: 'anthropic',
        complex_generation: 'anthropic',
        simple_generation: 'own',
        general: 'openai',
      })
      const verified = { taskType: 'verification', userId: 'ann' }
      const [first, second] = [await chat(client, verified, asWeb), await chat(client, verified, asWeb)]
      expect([first, second].map(({ value }) => value?.route?.cached)).toEqual([false, true])
      const { value } = await complete(client, { taskType: 'simple_generation' }, asWeb)
      expect(value?.route?.provider).toBe('own')
      expect(gateway.output()).not.toContain('without a route')
    } finally {
      client.close()
      await gateway.close()
    }
  })

  it('knows the usual task types without a route, and names them at the start', async () => {
    const gateway = await startGateway({ yaml: 'auth: none\nproviders: { sim: { kind: simulator } }' })
    const client = new GrpcClient(gateway.grpc)
    try {
      await gateway.logged((line) => String(line['message']).includes('planning, architecture'))
      expect((await chat(client, { taskType: 'planning' })).value?.route?.provider).toBe('sim')
      expect((await chat(client, { taskType: 'panning' })).error).toMatchObject({ code: 'NOT_FOUND' })
    } finally {
      client.close()
      await gateway.close()
    }
  })
})
