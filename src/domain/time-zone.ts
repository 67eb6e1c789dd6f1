/** Formats wall times in ms as days of a zone, such as 2026-11-28. Throws RangeError for an unknown zone. */
export function dayFormat(timeZone: string): (time: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
  return (time) => format.format(time)
}

/** Start of the month of `time` in a zone, wall time in ms. */
export function startOfMonth(time: number, timeZone: string): number {
  const dayOf = dayFormat(timeZone)
  const [year = 0, month = 1] = dayOf(time).split('-').map(Number)
  return startOfDay(Date.UTC(year, month - 1, 1), dayOf)
}

/**
 * The first instant of the day whose date in UTC is that of `midnight`, wall time in ms. No zone is more than 15 hours
 * from UTC.
 */
export function startOfDay(midnight: number, dayOf: (time: number) => string): number {
  const day = new Date(midnight).toISOString().slice(0, 10)
  let before = midnight - 15 * HOUR
  let after = midnight + 15 * HOUR
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (dayOf(middle) < day) before = middle
    else after = middle
  }
  return after
}

const HOUR = 3_600_000

/** Whether a text names an IANA time zone. */
export function isTimeZone(timeZone: string): boolean {
  try {
    return dayFormat(timeZone)(0) !== ''
  } catch {
    return false
  }
}
