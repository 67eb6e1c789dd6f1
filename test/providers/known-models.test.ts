import { expect, it } from 'vitest'
import type { PriceChange } from '../../src/domain/ports/operations/operator-events.ts'
import { kinds } from '../../src/providers/index.ts'
import { KnownModels } from '../../src/providers/known-models.ts'
import { readPriceFile } from '../../src/providers/prices/price-file.ts'
import { PriceTable } from '../../src/providers/prices/price-table.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { plainSettings } from '../support/plain-wire.ts'

const file = (input: number) =>
  readPriceFile(JSON.stringify({ 'main/m': { input_cost_per_token: input / 1e6, output_cost_per_token: 0 } }))

function known() {
  const prices = new PriceTable({ clock: new FakeClock(), settings: { file: { path: 'p', prices: file(1) } } })
  const changes: PriceChange[] = []
  const models = new KnownModels(plainSettings('main'), prices, { priceChanged: (change) => changes.push(change) })
  return { prices, models, changes }
}

it('keeps the price of an attempt that began before it changed', () => {
  const { prices, models } = known()
  const attempt = models.frozen('m')
  prices.reload(file(2))
  expect(attempt('m').price?.list.input).toBe(1)
  expect(models.frozen('m')('m').price?.list.input).toBe(2)
  expect(models.facts('m').price?.list.input).toBe(2)
})

it('reports the change of a price in use once', () => {
  const { prices, models, changes } = known()
  models.facts('m')
  prices.reload(file(2))
  models.frozen('m')
  expect(changes).toEqual([])
  prices.reload(file(3))
  prices.reload(file(4))
  for (let call = 0; call < 3; call++) models.frozen('m')
  expect(changes).toEqual([
    { provider: 'main', model: 'm', before: { input: 2, output: 0 }, after: { input: 4, output: 0 } },
  ])
  prices.reload(file(4))
  models.frozen('m')
  expect(changes).toHaveLength(1)
})

it('knows the window that the configuration of a kind decides', () => {
  const kind = kinds.find(({ kind }) => kind === 'ollama')
  if (!kind) throw new Error('the kind is gone')
  const prices = new PriceTable({ clock: new FakeClock(), settings: {} })
  const windowWith = (options: Record<string, unknown>) =>
    new KnownModels({ ...plainSettings('ollama'), kind, options }, prices).facts('m').contextWindow
  expect([windowWith({ num_ctx: 8_192 }), windowWith({})]).toEqual([8_192, undefined])
})
