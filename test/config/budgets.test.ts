import { describe, expect, it } from 'vitest'
import { load, problemsOf } from './kinds.ts'

const PROVIDERS = 'providers: { edge-box: {} }\n'
const budgetsOf = (list: string, env: Record<string, string> = {}) =>
  load({ file: `${list}`, env: { ...env } }).config?.budgets

const one = (fields: string) => `budgets:\n  list:\n    - { name: b, ${fields} }`

describe('budgets', () => {
  it('have defaults', () => {
    expect(budgetsOf(one('scope: global, limit_usd: 1.5, window: day'))).toEqual({
      onRedisTrouble: 'lease',
      rules: [
        {
          name: 'b',
          scope: 'global',
          labels: {},
          shared: false,
          limit: 1_500_000_000,
          window: 'day',
          timeZone: 'UTC',
          weekStart: 'monday',
          action: 'refuse',
          reserve: 'typical',
          fit: true,
        },
      ],
    })
    expect(budgetsOf('')).toBeUndefined()
    expect(budgetsOf('budgets: { on_redis_trouble: refuse }')).toBeUndefined()
  })

  it('are read as they are written', () => {
    const file = `
ledger: { url: memory, time_zone: Asia/Tokyo }
budgets:
  on_redis_trouble: refuse
  list:
    - { name: team, scope: label, match: { team: red }, limit_usd: 1, window: week, time_zone: Europe/Madrid,
        week_start: sunday, action: avoid, reserve: worst, fit: false }
    - { name: locals, scope: caller, match: "web-*", shared: true, limit_usd: 50, window: month }
`
    expect(budgetsOf(file)).toMatchObject({
      onRedisTrouble: 'refuse',
      rules: [
        {
          labels: { team: 'red' },
          window: 'week',
          timeZone: 'Europe/Madrid',
          weekStart: 'sunday',
          action: 'avoid',
          reserve: 'worst',
          fit: false,
        },
        { match: 'web-*', shared: true, timeZone: 'Asia/Tokyo' },
      ],
    })
  })

  it('come from variables, too', () => {
    const env = { COST_BUDGET_DAILY: '10', COST_BUDGET_MONTHLY: '200.5', LLM_GATEWAY_BUDGET_ACTION: 'alert' }
    expect(budgetsOf('', env)?.rules).toMatchObject([
      { name: 'daily', scope: 'global', limit: 10e9, window: 'day', action: 'alert' },
      { name: 'monthly', scope: 'global', limit: 200.5e9, window: 'month', action: 'alert' },
    ])
    expect(budgetsOf('', { COST_BUDGET_DAILY: '10' })?.rules).toMatchObject([{ action: 'refuse' }])
    const file = one('scope: global, limit_usd: 1, window: day').replace('name: b', 'name: daily')
    const { config, notices } = load({ file, env })
    expect(config?.budgets?.rules.map(({ name, limit }) => [name, limit])).toEqual([
      ['daily', 1e9],
      ['monthly', 200.5e9],
    ])
    expect(notices).toContain('COST_BUDGET_DAILY has no effect: the file has a budget "daily".')
  })

  it('need a ledger, which they switch on', () => {
    expect(load({ file: one('scope: global, limit_usd: 1, window: day') }).config?.ledger).toMatchObject({
      store: { kind: 'sqlite' },
      onTrouble: 'refuse',
    })
  })

  it.each([
    [one('scope: galaxy, limit_usd: 1, window: day'), 'budgets.list[0].scope'],
    [one('scope: global, limit_usd: -1, window: day'), 'budgets.list[0].limit_usd'],
    [one('scope: global, limit_usd: .inf, window: day'), 'budgets.list[0].limit_usd'],
    [one('scope: global, limit_usd: .nan, window: day'), 'budgets.list[0].limit_usd'],
    [one('scope: global, limit_usd: 1e300, window: day'), 'budgets.list[0].limit_usd'],
    [one('scope: global, window: day'), 'budgets.list[0].limit_usd'],
    [one('scope: global, limit_usd: 1, window: year'), 'budgets.list[0].window'],
    [one('scope: global, limit_usd: 1, window: day, time_zone: Mars/Olympus'), 'budgets.list[0].time_zone'],
    [one('scope: global, limit_usd: 1, window: week, week_start: someday'), 'budgets.list[0].week_start'],
    [one('scope: global, limit_usd: 1, window: day, match: x'), 'budgets.list[0].match'],
    [one('scope: label, limit_usd: 1, window: day'), 'budgets.list[0].match'],
    [one('scope: label, match: red, limit_usd: 1, window: day'), 'budgets.list[0].match'],
    [one('scope: caller, match: { team: red }, limit_usd: 1, window: day'), 'budgets.list[0].match'],
    [one('scope: provider, match: acmee, limit_usd: 1, window: day'), 'budgets.list[0].match'],
    [
      `${one('scope: global, limit_usd: 1, window: day')}\n    - { name: b, scope: user, limit_usd: 1, window: day }`,
      'budgets.list[1].name',
    ],
  ])('%s is a mistake', (file, path) => {
    expect(problemsOf({ file: PROVIDERS + file })).toEqual([
      expect.stringMatching(new RegExp(`^${path.replace(/[[\].]/g, '\\$&')}: `)),
    ])
  })
})
