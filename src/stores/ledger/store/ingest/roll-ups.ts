import type { Charge } from '../../../../domain/ports/money/ledger.ts'
import { dayFormat } from '../../../../domain/time-zone.ts'
import type { HitsEntry } from '../../journal/entry.ts'
import { addCharge, addSums, emptySums, type Sums } from '../../sums.ts'
import { storable } from '../sql/charge-table.ts'

const HOUR = 3_600_000
/** Every zone's days begin at a quarter of an hour of UTC. */
const QUARTER = 900_000

/** Sums of one day of the ledger's zone. */
export interface DaySums {
  /** As in 2026-11-28. */
  readonly day: string
  readonly caller: string
  readonly userId: string
  readonly provider: string
  readonly model: string
  readonly alias: string
  readonly operation: string
  readonly sums: Sums
}

/** Sums of one hour. */
export interface HourSums {
  /** Start of the hour, wall time in ms. */
  readonly hour: number
  readonly caller: string
  readonly provider: string
  readonly model: string
  readonly alias: string
  readonly operation: string
  /** gRPC status code of the attempts. */
  readonly status: number
  /** Attempts and cache hits. */
  records: number
  readonly sums: Sums
}

/** What a budget spent in one window. */
export interface BudgetSums {
  readonly budget: string
  readonly subject: string
  readonly windowStart: number
  nano: bigint
}

type Key = Omit<DaySums, 'day' | 'sums'> & { readonly time: number; readonly status: number }

/** The day of a wall time in a zone. Most calls of a batch are of the same quarter of an hour. */
export function dayReader(timeZone: string): (time: number) => string {
  const dayOf = dayFormat(timeZone)
  let quarter = Number.NaN
  let day = ''
  return (time) => {
    const current = Math.floor(time / QUARTER)
    if (current !== quarter) day = dayOf(time)
    quarter = current
    return day
  }
}

/** What a batch adds to the roll-ups and to the budgets, summed before it is written. */
export class RollUps {
  readonly days = new Map<string, DaySums>()
  readonly hours = new Map<string, HourSums>()
  readonly budgets = new Map<string, BudgetSums>()
  readonly #dayOf: (time: number) => string
  readonly #nameOf: (day: string, caller: string, userId: string) => string

  constructor(dayOf: (time: number) => string, nameOf: (day: string, caller: string, userId: string) => string) {
    this.#dayOf = dayOf
    this.#nameOf = nameOf
  }

  /** A new record. */
  addCharge(charge: Charge): void {
    const sums = emptySums()
    addCharge(sums, charge)
    this.#add(keyOf(charge), sums, 1)
    for (const share of charge.shares) {
      const [budget, subject] = [storable(share.budget), storable(share.subject)]
      const id = `${budget}\0${subject}\0${share.windowStart}`
      const spent = this.budgets.get(id)
      if (spent) spent.nano += BigInt(share.nano)
      else this.budgets.set(id, { budget, subject, windowStart: share.windowStart, nano: BigInt(share.nano) })
    }
  }

  /** A record that was written before turned out to be the final one of its call. */
  addEnding(charge: Charge): void {
    this.#add(keyOf(charge), { ...emptySums(), calls: 1, errors: charge.ending?.code ? 1 : 0 }, 0)
  }

  addHits(entry: HitsEntry): void {
    const { hits, saved } = entry
    const sums = { ...emptySums(), calls: hits, cachedCalls: hits, saved: BigInt(saved) }
    this.#add({ ...entry, status: 0 }, sums, hits)
  }

  #add(key: Key, sums: Readonly<Sums>, records: number): void {
    const { time, status } = key
    const [caller, provider, model] = [storable(key.caller), storable(key.provider), storable(key.model)]
    const [alias, operation] = [storable(key.alias), storable(key.operation)]
    const target = `${caller}\0${provider}\0${model}\0${alias}\0${operation}`
    const day = this.#dayOf(time)
    const userId = this.#nameOf(day, caller, storable(key.userId))
    const dayId = `${day}\0${userId}\0${target}`
    const ofDay = this.days.get(dayId)
    if (ofDay) addSums(ofDay.sums, sums)
    else this.days.set(dayId, { day, caller, userId, provider, model, alias, operation, sums: { ...sums } })
    const hour = Math.floor(time / HOUR) * HOUR
    const hourId = `${hour}\0${status}\0${target}`
    const ofHour = this.hours.get(hourId)
    if (ofHour) {
      addSums(ofHour.sums, sums)
      ofHour.records += records
    } else
      this.hours.set(hourId, { hour, caller, provider, model, alias, operation, status, records, sums: { ...sums } })
  }
}

function keyOf({ facts, outcome }: Charge): Key {
  const { caller, userId, provider, model, alias, operation, time } = facts
  return { caller, userId, provider, model, alias, operation, time, status: outcome.code }
}
