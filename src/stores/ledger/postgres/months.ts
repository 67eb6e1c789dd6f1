/** A calendar month in UTC, whose records are in a partition of their own. */
export interface Month {
  /** Name of the partition, such as charge_2026_11. */
  readonly table: string
  /** Wall times in ms; the end is exclusive. */
  readonly start: number
  readonly end: number
}

export function monthOf(time: number): Month {
  const date = new Date(time)
  return month(date.getUTCFullYear(), date.getUTCMonth())
}

export function nextMonth({ end }: Month): Month {
  return monthOf(end)
}

/** The month of a partition; undefined for a table that is none of ours. */
export function monthNamed(table: string): Month | undefined {
  const [, year, number] = /^charge_(\d{4,6})_(\d\d)$/.exec(table) ?? []
  return year && number ? month(Number(year), Number(number) - 1) : undefined
}

export function createMonth({ table, start, end }: Month): string {
  return `create table if not exists ${table} partition of charge for values from (${start}) to (${end})`
}

function month(year: number, index: number): Month {
  const table = `charge_${String(year).padStart(4, '0')}_${String(index + 1).padStart(2, '0')}`
  return { table, start: Date.UTC(year, index, 1), end: Date.UTC(year, index + 1, 1) }
}
