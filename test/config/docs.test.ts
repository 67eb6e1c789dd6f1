import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ownVariables } from '../../src/config/blocks/providers/providers.ts'
import { flagReaders } from '../../src/config/env/flags.ts'
import { knownVariables } from '../../src/config/env/known.ts'
import { oldProviderShape } from '../../src/config/file/old-block.ts'
import { providerShape } from '../../src/config/file/provider-block.ts'
import { fileSchema } from '../../src/config/file/schema.ts'
import { loadConfig } from '../../src/config/load.ts'
import { kinds, namesOf, upcoming } from '../../src/providers/index.ts'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
/** What the page writes as code. */
const named = new Set([...page.matchAll(/`([^`]+)`/g)].map(([, code]) => code))

/** The keys of a schema and of all that is inside it. */
function keysIn(schema: unknown): string[] {
  if (schema instanceof z.ZodOptional) return keysIn(schema.unwrap())
  if (schema instanceof z.ZodArray) return keysIn(schema.element)
  if (schema instanceof z.ZodRecord) return keysIn(schema.valueType)
  if (schema instanceof z.ZodPipe) return keysIn(schema.out)
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(keysIn)
  if (!(schema instanceof z.ZodObject)) return []
  const named = Object.entries(schema.shape).flatMap(([key, value]) => [key, ...keysIn(value)])
  return [...named, ...keysIn(schema.def.catchall)]
}

const fileKeys = [
  ...keysIn(fileSchema([])),
  ...keysIn(z.object(providerShape)),
  ...keysIn(z.object(oldProviderShape)),
  ...kinds.flatMap((kind) => Object.keys(kind.options ?? {})),
]

it('the keys of the file are found', () => {
  expect(fileKeys).toEqual(
    expect.arrayContaining([
      'server',
      'client_ca',
      'sha256',
      'weight',
      'max_tokens',
      'cached_input',
      'first_token',
      'primary_provider',
    ]),
  )
})

it.each([...new Set(fileKeys)])('the page names the key %s', (key) => {
  expect(named).toContain(key)
})

const used = new Set(knownVariables(kinds))
const general = new Set(kinds.flatMap(namesOf).flatMap((name) => Object.values(ownVariables(name))))
const variables = [
  ...knownVariables(kinds).filter((name) => !general.has(name)),
  'NODE_EXTRA_CA_CERTS',
  'LLM_GATEWAY_<KIND>_API_KEY',
  'LLM_GATEWAY_<KIND>_BASE_URL',
  'LLM_GATEWAY_<KIND>_MODEL',
]

it.each(variables)('the page names the variable %s', (name) => {
  expect(named).toContain(name)
})

it.each(Object.keys(flagReaders))('the page names the flag --%s', (name) => {
  expect(named).toContain(`--${name}`)
})

it.each(kinds.flatMap(namesOf))('the page names the kind %s', (kind) => {
  expect(named).toContain(kind)
})

const PRICES = '{"m": {"input_cost_per_token": 0}}'

it('the file on the page is one that a gateway starts with', () => {
  const [, example = ''] = /All of it.*\n\n((?: {4}.*\n)+)/.exec(page) ?? []
  const env = { WEB_KEY: 'w'.repeat(16), JWT_SECRET: 's'.repeat(32), OPENAI_API_KEY: 'o', REDIS_URL: 'redis://r' }
  const { config, problems } = loadConfig({
    file: example,
    env,
    readFile: (path) => (path.endsWith('.json') ? PRICES : '-----BEGIN CERTIFICATE-----'),
  })
  expect(problems).toEqual([])
  expect(config?.providers.map(({ name }) => name)).toEqual(['openai', 'workstation'])
})

/** The variables of a section that say, with a heading of their own, that nothing reads them. */
function variablesIn(section: RegExp): string[] {
  const [text = ''] = section.exec(page) ?? []
  return [...text.matchAll(/`([A-Z][A-Z0-9_]{3,})`/g)].map(([, name = '']) => name)
}

it('the page lists as not used what has no effect, and nothing else', () => {
  const short = upcoming.flatMap(({ variables }) => variables)
  const expected = short.filter((name) => !used.has(name))
  expect(variablesIn(/### Not used yet[\s\S]*?\n\n`serve` logs/).toSorted()).toEqual(expected.toSorted())
})
