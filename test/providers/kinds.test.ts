import { findProvider } from '@pydantic/genai-prices'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Capability } from '../../src/domain/types.ts'
import { kindNamed, kinds, namesOf } from '../../src/providers/index.ts'
import { contextOf, encodeChat, wireOf } from '../support/encode.ts'

describe('every kind', () => {
  it('has names of its own', () => {
    const names = kinds.flatMap(namesOf)
    expect(new Set(names).size).toBe(names.length)
  })

  const priced = kinds.filter(({ prices }) => prices !== undefined)
  it.each(priced)('is found in the price tables: $kind', ({ prices }) => {
    expect(findProvider({ providerId: prices ?? '' })?.id).toBe(prices)
  })

  it.each(kinds.filter(({ wire }) => wire))(
    'says that it embeds only if its wire does: $kind',
    ({ capabilities, wire }) => {
      expect(capabilities.includes(Capability.EMBED)).toBe(wire?.embed !== undefined)
    },
  )

  it.each(kinds.filter(({ wire, baseUrl }) => wire && baseUrl !== undefined))(
    'has an address without a slash at its end: $kind',
    ({ baseUrl }) => {
      expect(baseUrl).toMatch(/^https?:\/\/[^/]+(\/[^/]+)*$/)
    },
  )
})

it.each([
  ['openai', 'OPENAI_API_KEY'],
  ['azure', 'AZURE_OPENAI_API_KEY'],
  ['groq', 'GROQ_API_KEY'],
  ['xai', 'XAI_API_KEY'],
  ['gemini', 'GEMINI_API_KEY'],
  ['google', 'GOOGLE_API_KEY'],
])('%s takes its key from %s', (kind, variable) => {
  expect(kindNamed(kind)?.environment.keys).toContain(variable)
})

it.each([
  ['azure', 'AZURE_OPENAI_ENDPOINT'],
  ['docker-model-runner', 'DMR_BASE_URL'],
  ['local', 'LLM_GATEWAY_LOCAL_BASE_URL'],
  ['litellm', 'LITELLM_BASE_URL'],
])('%s takes its address from %s and has none of its own', (kind, variable) => {
  expect(kindNamed(kind)).toMatchObject({ environment: { baseUrl: [variable] } })
  expect(kindNamed(kind)).not.toHaveProperty('baseUrl')
})

describe('azure', () => {
  const options = { api_version: '2025-04-01-preview', deployments: { 'gpt-4o': 'our gpt/4o' } }

  it('asks the deployment of a model, each part of the path encoded', () => {
    expect(encodeChat('azure', {}, { model: 'gpt-4o', options }).path).toBe(
      '/openai/deployments/our%20gpt%2F4o/chat/completions?api-version=2025-04-01-preview',
    )
    const embed = wireOf('azure').embed?.encode(Object.create(null), ['a'], contextOf({ model: 'ada', options }))
    expect(embed?.path).toBe('/openai/deployments/ada/embeddings?api-version=2025-04-01-preview')
  })

  it.each(['../x?y#z', 'constructor', '__proto__'])('takes a model without one for a deployment: %s', (model) => {
    const { path } = encodeChat('azure', {}, { model, options })
    expect(path).toBe(
      `/openai/deployments/${encodeURIComponent(model)}/chat/completions?api-version=2025-04-01-preview`,
    )
  })

  it.each([
    ['2024-06-01', undefined],
    ['2024-09-01-preview', { include_usage: true }],
    ['2024-10-21', { include_usage: true }],
  ])('is asked for usage in a stream from the version on that tells it: %s', (api_version, sent) => {
    const { json } = encodeChat('azure', {}, { stream: true, options: { api_version } })
    expect(json['stream_options']).toEqual(sent)
  })

  it('takes the rules of the model that a deployment has', () => {
    const deployments = { reasoner: { deployment: 'prod 2', model: 'o4-mini' }, 'o4-mini-eu': { model: 'o4-mini' } }
    const ask = (model: string) =>
      encodeChat(
        'azure',
        { maxTokens: 9, temperature: 0 },
        { model, options: { api_version: '2025-04-01-preview', deployments } },
      )
    expect(ask('reasoner')).toMatchObject({ json: { max_completion_tokens: 9 }, leftOut: ['temperature'] })
    expect(ask('reasoner').path).toContain('/deployments/prod%202/')
    expect(ask('o4-mini-eu').path).toContain('/deployments/o4-mini-eu/')
    const options = z.object(kindNamed('azure')?.options ?? {})
    expect(options.safeParse({ deployments }).success).toBe(true)
    expect(options.safeParse({ deployments: { a: { deployment: 'x' } } }).success).toBe(false)
  })

  it('has a version of the API without being told', () => {
    const parsed = z.object(kindNamed('azure')?.options ?? {}).parse({})
    expect(wireOf('azure').models.request(parsed).path).toBe('/openai/models?api-version=2025-04-01-preview')
  })
})

it('sends the organization to OpenAI', () => {
  const { headers } = encodeChat('openai', {}, { options: { organization: 'org-1' } })
  expect(headers).toEqual({ 'openai-organization': 'org-1' })
})
