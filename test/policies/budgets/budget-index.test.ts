import { expect, it } from 'vitest'
import { BudgetIndex, type Spender } from '../../../src/policies/budgets/budget-index.ts'
import { budget } from '../../support/budget-world.ts'

const rules = [
  budget({ name: 'all' }),
  budget({ name: 'each-provider', scope: 'provider' }),
  budget({ name: 'one-provider', scope: 'provider', match: 'openai' }),
  budget({ name: 'web', scope: 'caller', match: 'web-*' }),
  budget({ name: 'web-together', scope: 'caller', match: 'web-*', shared: true }),
  budget({ name: 'u', scope: 'user', match: 'u?' }),
  budget({ name: 'users-of-web', scope: 'user', match: 'web-1/*' }),
  budget({ name: 'teams', scope: 'label', labels: { team: '*' } }),
  budget({ name: 'red', scope: 'label', labels: { team: 'red' } }),
  budget({ name: 'red-production', scope: 'label', labels: { team: 'red', stage: 'prod' } }),
]
const index = new BudgetIndex(rules)

function found(provider: string, spender: Partial<Spender>): string[] {
  const keys = index.keysOf({ caller: 'cli', userId: '', labels: {}, ...spender }, provider)
  return keys.map(({ rule, subject }) => `${rule.name}:${subject}`)
}

it.each([
  ['a call of nobody special', 'mistral', {}, ['all:', 'each-provider:mistral']],
  ['a provider', 'openai', {}, ['all:', 'each-provider:openai', 'one-provider:openai']],
  ['a caller', 'x', { caller: 'web-1' }, ['all:', 'each-provider:x', 'web:web-1', 'web-together:']],
  [
    'a user',
    'x',
    { caller: 'web-1', userId: 'u1' },
    ['all:', 'each-provider:x', 'web:web-1', 'web-together:', 'u:web-1/u1', 'users-of-web:web-1/u1'],
  ],
  ['a user of another name', 'x', { userId: 'somebody' }, ['all:', 'each-provider:x']],
  ['a label', 'x', { labels: { team: 'blue', __proto__x: 'y' } }, ['all:', 'each-provider:x', 'teams:team=blue']],
  [
    'several labels',
    'x',
    { labels: { stage: 'prod', team: 'red' } },
    ['all:', 'each-provider:x', 'teams:team=red', 'red:team=red', 'red-production:team=red,stage=prod'],
  ],
])('finds the budgets of %s', (_name, provider, spender, expected) => {
  expect(found(provider, spender)).toEqual(expected)
  expect(found(provider, spender)).toEqual(expected)
})

it('no two pairs of caller and user are one subject', () => {
  const everyUser = new BudgetIndex([budget({ name: 'u', scope: 'user' })])
  const subject = (caller: string, userId: string) => everyUser.keysOf({ caller, userId, labels: {} }, 'x')[0]?.subject
  expect(subject('team', 'alice/7')).toBe('team/alice%2F7')
  expect(subject('team/alice', '7')).toBe('team%2Falice/7')
  expect(subject('team', 'alice%2F7')).toBe('team/alice%252F7')
})
