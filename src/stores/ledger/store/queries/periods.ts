import { invalid } from '../../../../domain/errors/error.ts'
import type { CostGrouping, UsageSelection } from '../../../../domain/ports/money/ledger-queries.ts'
import { dayFormat, startOfDay } from '../../../../domain/time-zone.ts'
import { CostGroup } from '../../../../domain/types.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Longest period that is summed from records. */
const MAX_RECORD_DAYS = 31

/** A part of the period that is summed from one source. Wall times in ms; undefined is without bound. */
export interface Period {
  readonly source: 'days' | 'hours' | 'records'
  readonly from: number | undefined
  /** Exclusive. */
  readonly to: number | undefined
}

export interface Kept {
  /** IANA zone of the days of the roll-ups. */
  readonly timeZone: string
  /** Records that began before this wall time are no longer kept. */
  readonly oldestRecord: number
  readonly now: number
}

/**
 * Splits a period into whole days, whole hours and the rest, so that as little as possible is read. Throws
 * INVALID_REQUEST when records would be needed that are no longer kept, or too many.
 */
export function periodsOf(selection: UsageSelection, grouping: CostGrouping, kept: Kept): readonly Period[] {
  const from = selection.start
  // Nothing is later than now: the day and the hour that last until then are whole.
  const to = selection.end > kept.now ? undefined : selection.end
  const isByUser = grouping.groups.includes(CostGroup.USER) || selection.userId !== ''
  if (needsRecords(selection, grouping, kept, isByUser)) {
    checkRecords(from, to, kept)
    return [{ source: 'records', from, to }]
  }
  const finer = (from: number | undefined, to: number | undefined) => hoursOf(from, to, isByUser)
  const periods = grouping.groups.includes(CostGroup.HOUR)
    ? hoursOf(from, to, false)
    : split('days', from, to, { up: nextDayBegin(kept.timeZone), down: dayBegin(kept.timeZone), finer })
  checkEdges(periods, kept)
  return periods
}

function needsRecords(selection: UsageSelection, grouping: CostGrouping, kept: Kept, isByUser: boolean): boolean {
  const { groups, timeZone } = grouping
  const { sessionId, labels, states, failed, finalOnly } = selection
  if (sessionId !== '' || Object.keys(labels).length > 0 || states.length > 0 || failed || finalOnly) return true
  if (groups.includes(CostGroup.SESSION) || groups.includes(CostGroup.LABEL)) return true
  const isByHour = groups.includes(CostGroup.HOUR)
  if (isByHour && isByUser) return true
  return groups.includes(CostGroup.DAY) && (isByHour || timeZone !== kept.timeZone)
}

function checkRecords(from: number | undefined, to: number | undefined, { now, oldestRecord }: Kept): void {
  const latest = (to ?? now) - MAX_RECORD_DAYS * DAY
  const earliest = Math.max(oldestRecord, latest)
  if (from !== undefined && from >= earliest - 1) return
  const why =
    'sessions, labels, states, failures, hours of users and days of another time zone are summed from single records'
  throw invalid(
    'start',
    `must be ${instant(earliest)} or later: ${why}, over at most ${MAX_RECORD_DAYS} days for which they are kept.`,
  )
}

/** What is left of a period beside its whole days and hours needs records. */
function checkEdges(periods: readonly Period[], { oldestRecord, timeZone }: Kept): void {
  for (const { source, from, to } of periods) {
    if (source !== 'records' || (from ?? 0) >= oldestRecord) continue
    const field = periods.at(-1)?.to === to && periods.length > 1 ? 'end' : 'start'
    throw invalid(
      field,
      `must be the start of a day in ${timeZone}: of times before ${instant(oldestRecord)} only sums are kept.`,
    )
  }
}

function hoursOf(from: number | undefined, to: number | undefined, isByUser: boolean): Period[] {
  if (isByUser) return records(from, to)
  const up = (time: number) => Math.ceil(time / HOUR) * HOUR
  const down = (time: number) => Math.floor(time / HOUR) * HOUR
  return split('hours', from, to, { up, down, finer: records })
}

interface Units {
  /** The first begin of a unit at or after a time. */
  up(time: number): number
  /** The last begin of a unit at or before a time. */
  down(time: number): number
  /** Covers what is not a whole unit. */
  finer(from: number | undefined, to: number | undefined): Period[]
}

function split(
  source: 'days' | 'hours',
  from: number | undefined,
  to: number | undefined,
  { up, down, finer }: Units,
): Period[] {
  const first = from === undefined ? undefined : up(from)
  const last = to === undefined ? undefined : down(to)
  if (first !== undefined && last !== undefined && first >= last) return finer(from, to)
  return [
    ...(first === from ? [] : finer(from, first)),
    { source, from: first, to: last },
    ...(last === to ? [] : finer(last, to)),
  ]
}

function records(from: number | undefined, to: number | undefined): Period[] {
  return from !== undefined && to !== undefined && from >= to ? [] : [{ source: 'records', from, to }]
}

function dayBegin(timeZone: string): (time: number) => number {
  const dayOf = dayFormat(timeZone)
  return (time) => startOfDay(Date.parse(dayOf(time)), dayOf)
}

function nextDayBegin(timeZone: string): (time: number) => number {
  const begin = dayBegin(timeZone)
  // 36 hours after a day's begin is within the next one, however long the day is.
  return (time) => (begin(time) === time ? time : begin(begin(time) + 1.5 * DAY))
}

function instant(time: number): string {
  return new Date(Math.ceil(time / 1_000) * 1_000).toISOString().replace('.000Z', 'Z')
}
