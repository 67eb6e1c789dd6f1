import { describe, expect, it } from 'vitest'
import { createMonth, monthNamed, monthOf, nextMonth } from '../../../../src/stores/ledger/postgres/months.ts'

describe('a month', () => {
  it('lasts from its first instant to that of the next one, in UTC', () => {
    const month = monthOf(Date.UTC(2026, 11, 31, 23, 59, 59, 999))
    expect(month).toEqual({ table: 'charge_2026_12', start: Date.UTC(2026, 11, 1), end: Date.UTC(2027, 0, 1) })
    expect(nextMonth(month).table).toBe('charge_2027_01')
    expect(monthOf(month.end)).toEqual(nextMonth(month))
  })

  it('is known by the name of its partition', () => {
    expect(monthNamed('charge_2026_12')).toEqual(monthOf(Date.UTC(2026, 11, 5)))
    expect(monthNamed('charge_hour')).toBeUndefined()
  })

  it('has a partition of its own', () => {
    expect(createMonth(monthOf(0))).toBe(
      'create table if not exists charge_1970_01 partition of charge for values from (0) to (2678400000)',
    )
  })
})
