import { expect, test } from 'vitest'
import type { AttemptCharge } from '../../../src/domain/calls/call-record.ts'
import { UsageState } from '../../../src/domain/types.ts'
import { divideCharge } from '../../../src/policies/billing/divide-charge.ts'

const usage = {
  $typeName: 'llmgateway.v1.Usage',
  estimated: false,
  input: 10,
  output: 9,
  total: 19,
  reasoning: 3,
} as const
const charge: AttemptCharge = { state: UsageState.SETTLED, usage, cost: { input: 100, output: 90 } }

const divided = (...amounts: number[]) =>
  divideCharge(
    charge,
    amounts.map((nano) => ({ nano, shares: [], takenOver: undefined })),
  ).map(({ usage, cost }) => [usage?.input, usage?.output, usage?.reasoning, usage?.total, cost?.input, cost?.output])

test('one payer pays all', () => {
  expect(divideCharge(charge, [])).toEqual([charge])
})

test('the input is paid first, and the tokens of the output follow its cost', () => {
  expect(divided(130, 45, 15)).toEqual([
    [10, 3, 1, 13, 100, 30],
    [0, 4, 1, 4, 0, 45],
    [0, 2, 1, 2, 0, 15],
  ])
})

test('input that the first one does not pay is paid by the next', () => {
  expect(divided(70, 120)).toEqual([
    [10, 0, 0, 10, 70, 0],
    [0, 9, 3, 9, 30, 90],
  ])
})

test('who pays nothing has no tokens', () => {
  expect(divided(190, 0)).toEqual([
    [10, 9, 3, 19, 100, 90],
    [0, 0, 0, 0, 0, 0],
  ])
})
