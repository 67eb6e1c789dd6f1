import { encode } from 'gpt-tokenizer/encoding/o200k_base'
import { expect, it } from 'vitest'
import { textTokenEstimate } from '../../../src/domain/tokens/scan.ts'
import { generated, prose } from '../../support/token-samples.ts'

const errorOf = (text: string) => textTokenEstimate(text) / encode(text).length - 1

it('estimates the tokens of prose, code and data within 10 % on average', () => {
  const texts = { ...prose, ...generated(3_000) }
  const errors = Object.values(texts).map((text) => Math.abs(errorOf(text)))
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
  expect(mean).toBeLessThan(0.1)
})

it.each(Object.entries({ ...prose, ...generated(3_000) }))('is never far off: %s', (_name, text) => {
  expect(Math.abs(errorOf(text))).toBeLessThan(0.25)
})

it('estimates a long text from windows of it', () => {
  const { typescript = '', csv = '' } = generated(60_000)
  expect(Math.abs(errorOf(typescript))).toBeLessThan(0.15)
  expect(Math.abs(errorOf(csv))).toBeLessThan(0.15)
})

it('reads no more than 8 Ki characters, however long a text is', () => {
  for (const length of [8_192, 10_240, 1_000_000, 100_000_000]) {
    let read = 0
    const charCodeAt = () => {
      read++
      return 0x61
    }
    const text = { length, charCodeAt } as unknown as string // all that is looked at of a text
    expect(textTokenEstimate(text)).toBeGreaterThan(0.2 * length)
    expect(read).toBeLessThanOrEqual(8_192)
  }
})

it('counts nothing for no text, and something for any other', () => {
  expect(textTokenEstimate('')).toBe(0)
  for (const text of ['a', '1', '.', '\n', 'é', '語', '🙂']) expect(textTokenEstimate(text)).toBeGreaterThan(0)
})
