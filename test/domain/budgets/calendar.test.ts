import { describe, expect, it } from 'vitest'
import { type BudgetRule, defaultBudget, type weekDays } from '../../../src/domain/budgets/budget-rule.ts'
import { Calendar } from '../../../src/domain/budgets/calendar.ts'

const HOUR = 3_600_000

function calendar(window: BudgetRule['window'], timeZone: string, weekStart: (typeof weekDays)[number] = 'monday') {
  return new Calendar({
    ...defaultBudget,
    name: 'b',
    scope: 'global',
    labels: {},
    limit: 1,
    window,
    timeZone,
    weekStart,
  })
}

const at = (text: string) => Date.parse(text)
const shown = ({ start, end }: { start: number; end: number }) =>
  [start, end].map((time) => new Date(time).toISOString())

describe('a calendar', () => {
  it.each([
    ['day', 'UTC', '2026-11-28T23:59:59.999Z', '2026-11-28T00:00:00.000Z', '2026-11-29T00:00:00.000Z'],
    ['day', 'Europe/Madrid', '2026-11-28T23:30:00Z', '2026-11-28T23:00:00.000Z', '2026-11-29T23:00:00.000Z'],
    ['day', 'Europe/Madrid', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    ['day', 'Europe/Madrid', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
    ['day', 'Asia/Kolkata', '2026-01-01T18:29:59Z', '2025-12-31T18:30:00.000Z', '2026-01-01T18:30:00.000Z'],
    // Clocks change at midnight: the day begins at one o'clock.
    ['day', 'America/Santiago', '2026-09-06T12:00:00Z', '2026-09-06T04:00:00.000Z', '2026-09-07T03:00:00.000Z'],
    ['week', 'UTC', '2026-11-29T10:00:00Z', '2026-11-23T00:00:00.000Z', '2026-11-30T00:00:00.000Z'],
    ['month', 'America/New_York', '2026-03-01T04:59:59Z', '2026-02-01T05:00:00.000Z', '2026-03-01T05:00:00.000Z'],
    ['month', 'America/New_York', '2026-12-31T23:00:00Z', '2026-12-01T05:00:00.000Z', '2027-01-01T05:00:00.000Z'],
  ] as const)('gives the %s in %s that contains %s', (window, zone, time, start, end) => {
    expect(shown(calendar(window, zone).at(at(time)))).toEqual([start, end])
  })

  it('begins weeks on the configured day', () => {
    expect(shown(calendar('week', 'UTC', 'sunday').at(at('2026-11-28T10:00:00Z')))[0]).toBe('2026-11-22T00:00:00.000Z')
    expect(shown(calendar('week', 'UTC', 'sunday').at(at('2026-11-29T10:00:00Z')))[0]).toBe('2026-11-29T00:00:00.000Z')
  })

  it('has one window without an end for a total', () => {
    expect(calendar('total', 'UTC').at(at('2026-11-28T10:00:00Z'))).toEqual({ start: 0, end: Number.POSITIVE_INFINITY })
  })

  it.each(['UTC', 'Europe/Madrid', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Tehran'])(
    'covers a year in %s without gaps, with days of 23 to 25 hours',
    (zone) => {
      for (const window of ['day', 'week', 'month'] as const) {
        const windows = calendar(window, zone)
        let period = windows.at(at('2026-01-15T12:00:00Z'))
        const lengths = new Set<number>()
        while (period.start < at('2027-01-20T00:00:00Z')) {
          const next = windows.at(period.end)
          expect(next.start).toBe(period.end)
          expect(windows.at(next.end - 1)).toEqual(next)
          lengths.add((period.end - period.start) / HOUR)
          period = next
        }
        if (window !== 'day') continue
        expect([...lengths].every((hours) => hours >= 23 && hours <= 25)).toBe(true)
        expect(lengths.has(24)).toBe(true)
        if (zone === 'Europe/Madrid') expect([...lengths].sort()).toEqual([23, 24, 25])
      }
    },
  )

  it('returns the same window until it ends, also after the clock went back', () => {
    const days = calendar('day', 'UTC')
    const today = days.at(at('2026-11-28T10:00:00Z'))
    expect(days.at(at('2026-11-28T20:00:00Z'))).toBe(today)
    expect(days.at(at('2026-11-29T00:00:00Z')).start).toBe(today.end)
    expect(days.at(at('2026-11-28T23:00:00Z'))).toEqual(today)
  })
})
