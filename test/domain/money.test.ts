import { expect, test } from 'vitest'
import { dollarDigits } from '../../src/domain/money.ts'

test.each([
  [0, '0'],
  [1, '0.000000001'],
  [50_000_000, '0.05'],
  [1_000_000_000, '1'],
  [2_500_000_001, '2.500000001'],
  [1_000_000_000_000_000, '1000000'],
])('%i nano-dollars are %s USD', (nano, text) => expect(dollarDigits(nano)).toBe(text))
