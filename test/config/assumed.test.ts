import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { ProviderKind } from '../../src/providers/define.ts'
import { kinds as invented } from './kinds.ts'

const harbour: ProviderKind = {
  kind: 'harbour',
  baseUrl: 'http://localhost:4000',
  readAddress: (value) => (value.includes('://') ? value : `http://${value}`),
  environment: { baseUrl: ['HARBOUR_URL', 'HARBOUR_HOST'], defaultModel: ['HARBOUR_MODEL'] },
  local: true,
  assumed: true,
  capabilities: [],
}
const kinds = [harbour, ...invented]

function load(env: Readonly<Record<string, string>>, file?: string) {
  const { config, problems, notices } = loadConfig({ env, kinds, ...(file !== undefined && { file }) })
  expect(problems).toEqual([])
  const providers = config?.providers.map(({ name, assumed }) => (assumed ? `${name} (assumed)` : name))
  return { providers, priority: config?.priority, notices: notices.join('\n'), first: config?.providers[0] }
}

describe('a server that is assumed', () => {
  it('is all there is where nothing is configured, and the operator is told what to do', () => {
    const { providers, priority, notices } = load({})
    expect(providers).toEqual(['harbour (assumed)'])
    expect(priority).toEqual(['harbour'])
    expect(notices).toContain(
      'No provider is configured, so harbour at http://localhost:4000 is assumed. Start it, write providers in the file, or set the key of one, such as ACME_API_KEY or BOREALIS_API_KEY or CUMULUS_API_KEY.',
    )
  })

  it('stands beside the vendors whose keys are set, for calls that name it', () => {
    const { providers, priority, notices } = load({ ACME_API_KEY: 'a', CUMULUS_API_KEY: 'c' })
    expect(providers).toEqual(['acme', 'cumulus', 'harbour (assumed)'])
    expect(priority).toEqual(['acme', 'cumulus'])
    expect(notices).toContain('harbour at http://localhost:4000 is assumed, for calls that name it')
  })

  it('takes its model from its variable', () => {
    expect(load({ HARBOUR_MODEL: 'tug' }).first).toMatchObject({ defaultModel: 'tug', assumed: true })
  })

  it.each([
    [{ LLM_PROVIDER: 'acme' }, ''],
    [{ LLM_PRIORITY_ORDER: 'acme' }, ''],
    [{}, 'priority: [acme]'],
    [{}, 'providers: { acme: }'],
    [{}, 'llm_gateway: { primary_provider: acme }'],
    [{}, 'llm_gateway: { acme: { default_model: m } }'],
  ])('is not there where it is said which providers to use: %j %s', (env, file) => {
    const { providers, notices } = load({ ACME_API_KEY: 'a', ...env }, file)
    expect(providers).toEqual(['acme'])
    expect(notices).not.toContain('assumed')
  })

  it.each([
    [{ HARBOUR_HOST: '10.0.0.7:4000' }, 'http://10.0.0.7:4000'],
    [{ LLM_GATEWAY_HARBOUR_BASE_URL: 'http://h:1/' }, 'http://h:1'],
    [{ LLM_PRIORITY_ORDER: 'harbour' }, 'http://localhost:4000'],
  ])('is configured, and first in the list, once it is asked for: %j', (env, baseUrl) => {
    const { providers, priority, first } = load({ ...env, ACME_API_KEY: 'a' })
    expect(providers?.[0]).toBe('harbour')
    expect(priority?.[0]).toBe('harbour')
    expect(first?.baseUrl).toBe(baseUrl)
  })

  it('can be asked for in an alias', () => {
    expect(load({}, 'models: { default: { targets: [harbour/tug] } }').providers).toEqual(['harbour (assumed)'])
  })

  it('is Ollama, by its usual address and models', () => {
    const { config } = loadConfig({ env: {} })
    expect(config?.providers).toMatchObject([
      {
        name: 'ollama',
        assumed: true,
        baseUrl: 'http://localhost:11434',
        keys: [],
        defaultModel: 'llama3.2',
        defaultEmbedModel: 'nomic-embed-text',
      },
    ])
  })
})

describe('the variables of Ollama', () => {
  const provider = (env: Record<string, string>) => loadConfig({ env }).config?.providers[0]

  it('are those of its own tools and the gateway’s', () => {
    const env = { OLLAMA_BASE_URL: 'http://o:1', OLLAMA_MODEL: 'qwen3', OLLAMA_API_KEY: 'key' }
    expect(provider(env)).toMatchObject({ name: 'ollama', baseUrl: 'http://o:1', defaultModel: 'qwen3', keys: ['key'] })
    const own = { LLM_GATEWAY_OLLAMA_BASE_URL: 'http://p:1', LLM_GATEWAY_OLLAMA_MODEL: 'phi4' }
    expect(provider({ ...env, ...own })).toMatchObject({ baseUrl: 'http://p:1', defaultModel: 'phi4' })
  })

  it.each([
    ['10.0.0.7', 'http://10.0.0.7:11434'],
    ['gpu-box:8000', 'http://gpu-box:8000'],
    [':8000', 'http://127.0.0.1:8000'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['0.0.0.0:8000', 'http://127.0.0.1:8000'],
    ['[::]:8000', 'http://[::1]:8000'],
    ['[::1]', 'http://[::1]:11434'],
    ['http://gpu-box', 'http://gpu-box'],
    ['https://gpu-box:443/ollama', 'https://gpu-box:443/ollama'],
    ['ollama.com', 'https://ollama.com'],
  ])('OLLAMA_HOST may be %s, which is %s', (value, baseUrl) => {
    expect(provider({ OLLAMA_HOST: value })).toMatchObject({ baseUrl })
  })

  it.each(['::1', 'ftp://gpu-box', '169.254.169.254', 'a b'])('OLLAMA_HOST must not be %s', (value) => {
    expect(loadConfig({ env: { OLLAMA_HOST: value } }).problems).toMatchObject([{ path: 'OLLAMA_HOST' }])
  })

  it('may stand in the block of older gateways', () => {
    const file = 'llm_gateway: { ollama: { base_url: "http://o:1", default_model: phi4, timeout: 30 } }'
    expect(loadConfig({ env: {}, file }).config?.providers).toMatchObject([
      { name: 'ollama', baseUrl: 'http://o:1', defaultModel: 'phi4', timeout: { total: 30_000 } },
    ])
  })

  it.each([
    ['num_ctx: many', 'providers.ollama.num_ctx'],
    ['keep_alive: true', 'providers.ollama.keep_alive'],
  ])('its options in the file are checked: %s', (option, path) => {
    expect(loadConfig({ env: {}, file: `providers: { ollama: { ${option} } }` }).problems).toMatchObject([{ path }])
    const file = 'providers: { ollama: { num_ctx: 8192, keep_alive: -1 } }'
    expect(loadConfig({ env: {}, file }).config?.providers[0]?.options).toEqual({ num_ctx: 8192, keep_alive: -1 })
  })
})
