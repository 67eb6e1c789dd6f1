import { expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'

const env = { OPENAI_API_KEY: 'o' }
const read = (prices: string, text = '{"gpt-7": {"litellm_provider": "openai", "input_cost_per_token": 1e-6}}') =>
  loadConfig({
    file: `prices: ${prices}`,
    env,
    directory: '/etc/gateway',
    readFile(path) {
      if (path === '/etc/gateway/prices.json') return text
      throw Object.assign(new Error('none'), { code: 'ENOENT' })
    },
  })

it('prices are a file, multipliers and single prices', () => {
  const { config, problems } = read(
    '{ file: prices.json, multipliers: { openai: 0.8 }, openai/x: { input: 1, output: 2 } }',
  )
  expect(problems).toEqual([])
  expect(config?.prices).toMatchObject({
    overrides: { 'openai/x': { input: 1, output: 2 } },
    multipliers: { openai: 0.8 },
    file: { path: '/etc/gateway/prices.json' },
  })
})

it.each([
  ['{ file: none.json }', 'prices.file', 'the file none.json cannot be read (ENOENT)'],
  ['{ multipliers: { opnai: 0.8 } }', 'prices.multipliers.opnai', '"opnai" is not a configured provider'],
  ['{ multipliers: { openai: -1 } }', 'prices.multipliers.openai', 'must be a number of at least 0'],
  ['{ openai/x: { input: 1 } }', 'prices.openai/x.output', 'is missing'],
  ['{ openai/x: 1 }', 'prices.openai/x', 'must be a block of keys'],
  ['{ x: { input: 1, output: 2 } }', 'prices.x', 'must be provider/model'],
])('%s is refused', (prices, path, reason) => {
  const [problem] = read(prices).problems
  expect(problem?.path).toBe(path)
  expect(problem?.reason).toContain(reason)
})

it('a file that is no price list is refused', () => {
  expect(read('{ file: prices.json }', '{}').problems).toEqual([
    { path: 'prices.file', reason: 'the file prices.json has no model with input_cost_per_token' },
  ])
})
