import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { readPriceFile } from '../../../../src/providers/prices/price-file.ts'
import { PriceTable } from '../../../../src/providers/prices/price-table.ts'
import { watchPriceFile } from '../../../../src/providers/prices/watch-price-file.ts'
import { eventually } from '../../../support/eventually.ts'
import { FakeClock } from '../../../support/fake-clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'prices-'))
afterAll(() => rmSync(folder, { recursive: true }))

const priced = (input: number) =>
  JSON.stringify({ 'a/m': { input_cost_per_token: input / 1e6, note: 'x'.repeat(input) } })

it('reads the file again when it has changed, and keeps the prices when it cannot be used', async () => {
  const path = join(folder, 'prices.json')
  writeFileSync(path, priced(1))
  const clock = new FakeClock()
  const prices = new PriceTable({ clock, settings: { file: { path, prices: readPriceFile(priced(1)) } } })
  const read: string[] = []
  const { version } = readPriceFile(priced(1))
  const events = { pricesRead: (_path: string, problem: string) => void read.push(problem) }
  const stop = watchPriceFile({ path, prices, version, clock, events })
  const input = () => prices.facts({ name: 'a', pricesId: undefined, local: false }, 'm').price?.list.input

  writeFileSync(path, priced(2))
  await eventually(async () => {
    await clock.advance(15_000)
    expect(input()).toBe(2)
  })
  writeFileSync(path, '{ "a/m":')
  await eventually(async () => {
    await clock.advance(15_000)
    expect(read).toEqual(['', 'is not JSON'])
  })
  rmSync(path)
  await eventually(async () => {
    await clock.advance(15_000)
    expect(read.at(-1)).toContain('ENOENT')
  })
  expect(input()).toBe(2)
  writeFileSync(path, priced(3))
  await eventually(async () => {
    await clock.advance(15_000)
    expect(input()).toBe(3)
  })
  stop()
})
