// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files in these tests hold references
import { describe, expect, it } from 'vitest'
import { configOf as configWith, kinds as invented, load as loadWith } from './kinds.ts'

const kinds = invented.map((kind) => (kind.kind === 'acme' ? { ...kind, alsoKnownAs: ['summit'] } : kind))
const env = { ACME_API_KEY: 'a', CUMULUS_API_KEY: 'c' }

const configOf = (sources: Parameters<typeof configWith>[0]) => configWith({ kinds, ...sources })

describe('the other name of a kind', () => {
  it('is a kind, and as the name of a provider says its kind', () => {
    const file = 'providers:\n  summit: {}\n  mine: { kind: summit }'
    expect(configOf({ env, file }).providers.map(({ name, kind }) => [name, kind.kind])).toEqual([
      ['summit', 'acme'],
      ['mine', 'acme'],
    ])
  })

  it('has variables like the first', () => {
    const { providers } = configOf({ env: { LLM_GATEWAY_SUMMIT_API_KEY: 's', LLM_GATEWAY_SUMMIT_MODEL: 'm' } })
    expect(providers).toMatchObject([{ name: 'acme', keys: ['s'], defaultModel: 'm' }])
  })

  it.each([
    [{ LLM_PROVIDER: 'summit' }, ['acme']],
    [{ LLM_PRIORITY_ORDER: 'cumulus,summit' }, ['cumulus', 'acme']],
    [{ LLM_GATEWAY_PRIMARY_PROVIDER: 'cumulus', LLM_GATEWAY_FALLBACK_PROVIDERS: 'summit' }, ['cumulus', 'acme']],
  ])('names the provider in an order: %j', (order, priority) => {
    const { config, notices } = loadWith({ kinds, env: { ...env, ...order } })
    expect(config?.priority).toEqual(priority)
    expect(notices.filter((text) => text.includes('summit'))).toEqual([])
  })

  it('names the provider the other way round, too', () => {
    const config = configOf({ env: { ...env, LLM_PROVIDER: 'acme' }, file: 'providers: { cumulus: {}, summit: {} }' })
    expect(config.priority).toEqual(['summit'])
  })

  it('names it in targets and tasks, and in the block of older gateways', () => {
    const file = 'models: { fast: { targets: [summit/m] } }\ntasks: { planning: summit/n }'
    expect(configOf({ env, file })).toMatchObject({
      models: [{ name: 'fast', targets: [{ target: 'summit/m' }] }],
      tasks: { planning: 'summit/n' },
    })
    const old = 'llm_gateway: { primary_provider: summit, summit: { default_model: m } }'
    expect(configOf({ env, file: old })).toMatchObject({
      priority: ['acme'],
      providers: [{ name: 'acme', defaultModel: 'm' }, {}],
    })
  })

  it('is nothing but a name where a provider has it and another kind', () => {
    const { problems } = loadWith({ kinds, env, file: 'providers: { summit: { kind: cumulus } }\npriority: [acme]' })
    expect(problems).toMatchObject([{ path: 'priority[0]' }])
  })
})
