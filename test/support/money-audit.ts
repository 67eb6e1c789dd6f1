import { expect } from 'vitest'
import type { BudgetRule } from '../../src/domain/budgets/budget-rule.ts'
import { type BudgetShare, type Charge, chargeId } from '../../src/domain/ports/money/ledger.ts'
import { UsageState } from '../../src/domain/types.ts'
import type { MoneyWorld } from './money-world.ts'

/* Compares what the ledger and the budgets say with the books of the vendor. */

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Every call was told one ending and has one final record, or is among the cache hits; nothing is left open. */
export function auditEndings(world: MoneyWorld, calls: number): void {
  const { endings, begun, entries, clock, vendors, gates } = world
  for (let number = 0; number < calls; number++) expect(endings.get(`call ${number}`), `call ${number}`).toBe(1)
  for (const [id, count] of endings) expect(count, id).toBe(1)
  const finals = [...world.charges.values()].filter(({ ending }) => ending).map(({ facts }) => facts.callId)
  expect(new Set(finals).size, 'final records of different calls').toBe(finals.length)
  expect(finals.length + hitsIn(entries), 'final records and hits').toBe(begun.size)
  const settled = entries
    .filter(({ kind }) => kind === 'settled')
    .map((entry) => 'charge' in entry && chargeId(entry.charge.facts))
  expect(new Set(settled).size, 'charges that were settled once').toBe(settled.length)
  for (const entry of entries) if (entry.kind === 'intent') expect(settled).toContain(chargeId(entry.charge.facts))
  expect(clock.waiting, 'timers').toBe(0)
  for (const vendor of vendors) expect(vendor.open, 'open upstream calls').toBe(0)
  for (const gate of gates) expect(gate, 'permits and waiters').toMatchObject({ active: 0, waiting: 0 })
}

/**
 * The ledger has what the vendor is to be paid: in all, for each provider, and for each question, of which one upstream
 * call may be for several callers. `isBounded`: whether every request says how long its response may be.
 */
export function auditBooks({ vendors, charges, begun }: MoneyWorld, isBounded: boolean): void {
  const served = vendors.flatMap(({ served }) => served)
  const expectSum = (what: string, requests: typeof served, records: readonly Charge[]) => {
    const due = requests.map((request) => request.nano(isBounded))
    const sum = records.reduce((sum, charge) => sum + nanoOf(charge), 0)
    expect(sum, `${what}, at least`).toBeGreaterThanOrEqual(due.reduce((sum, [least]) => sum + least, 0))
    expect(sum, `${what}, at most`).toBeLessThanOrEqual(due.reduce((sum, [, most]) => sum + most, 0))
  }
  const records = [...charges.values()]
  expectSum('the ledger', served, records)
  for (const provider of new Set(served.map(({ provider }) => provider))) {
    const isOf = (of: string) => of === provider
    expectSum(
      provider,
      served.filter((request) => isOf(request.provider)),
      records.filter(({ facts }) => isOf(facts.provider)),
    )
  }
  for (const question of new Set(served.map(({ question }) => question))) {
    expectSum(
      question,
      served.filter((request) => request.question === question),
      records.filter(({ facts }) => begun.get(facts.callId)?.question === question),
    )
  }
}

/** How often what the worlds are for has happened. */
export interface Tally {
  estimated: number
  refused: number
  /** Responses that a budget cut, or of which another call paid the rest. */
  cut: number
  takenOver: number
  replayed: number
  hits: number
}

export function addTo(tally: Tally, { charges, entries }: MoneyWorld): void {
  const intents = intentsIn(entries)
  const all = [...charges].map(([id, charge]) => ({ id, ...charge, isSent: charge.facts.attempt > 0 }))
  const over = all.filter(({ ending }) => ending?.reason === 'BUDGET_EXCEEDED')
  const count = (state: UsageState) => all.filter(({ outcome }) => outcome.state === state).length
  tally.estimated += count(UsageState.ESTIMATED)
  tally.replayed += count(UsageState.REPLAYED)
  tally.hits += count(UsageState.CACHED) + hitsIn(entries)
  tally.cut += over.filter(({ isSent }) => isSent).length
  tally.refused += over.filter(({ isSent }) => !isSent).length
  tally.takenOver += all.filter(({ id, isSent }) => isSent && !intents.has(id)).length
}

function hitsIn(entries: MoneyWorld['entries']): number {
  return entries.reduce((sum, entry) => sum + (entry.kind === 'hits' ? entry.hits : 0), 0)
}

/** Charges that were written down before the request was sent: all but those of calls that took over. */
function intentsIn(entries: MoneyWorld['entries']): ReadonlySet<string> {
  return new Set(entries.flatMap((entry) => (entry.kind === 'intent' ? chargeId(entry.charge.facts) : [])))
}

/** Every charge counts in each budget that is for it, in the window when it was reserved, and nowhere else. */
export function auditBudgets(world: MoneyWorld, rules: readonly BudgetRule[], delay: number): void {
  const { charges, begun, entries, budgets } = world
  const intents = intentsIn(entries)
  for (const [id, charge] of charges) {
    if (charge.facts.attempt === 0) continue
    const call = begun.get(charge.facts.callId)
    // What is elsewhere, and what a call took over, was reserved before the charge began.
    const isReservedNow = delay === 0 && intents.has(id)
    const due = rules.flatMap((rule) => {
      const subject = subjectOf(rule, { ...charge.facts, ...call })
      const windowStart = isReservedNow ? windowOf(rule, charge.facts.time) : expect.any(Number)
      return subject === undefined ? [] : [{ budget: rule.name, subject, windowStart, nano: nanoOf(charge) }]
    })
    expect(charge.shares, `the budgets of ${id}`).toEqual(due)
  }
  const spent = spentIn(charges)
  for (const { budget, subject, windowStart, spent: sum, reserved } of budgets.list()) {
    expect(reserved, `reserved of ${budget}`).toBe(0)
    expect(sum, `spent of ${budget}`).toBe(spent.get(keyOf({ budget, subject, windowStart })) ?? 0)
  }
}

/** No budget that refuses calls is ever above its limit. */
export function auditLimits({ charges, overspent }: MoneyWorld, rules: readonly BudgetRule[]): void {
  const spent = spentIn(charges)
  for (const { name, limit } of rules.filter(({ action }) => action === 'refuse')) {
    for (const [key, sum] of spent) if (key.startsWith(`${name}\0`)) expect(sum, key).toBeLessThanOrEqual(limit)
  }
  expect(overspent, 'budgets that were overspent').toEqual([])
}

/** What the ledger has of each budget, by its key. */
function spentIn(charges: MoneyWorld['charges']): ReadonlyMap<string, number> {
  const spent = new Map<string, number>()
  for (const { shares } of charges.values())
    for (const share of shares) spent.set(keyOf(share), (spent.get(keyOf(share)) ?? 0) + share.nano)
  return spent
}

/** Whom a budget counts a charge for; undefined if it does not. */
function subjectOf(
  { scope, match }: BudgetRule,
  { provider, caller, userId }: { readonly provider: string; readonly caller: string; readonly userId: string },
): string | undefined {
  const subjects = { global: '', provider, caller, user: userId && `${caller}/${userId}`, label: undefined }
  const subject = subjects[scope]
  const isCounted = scope === 'global' || (subject !== '' && (match === undefined || match === subject))
  return isCounted ? subject : undefined
}

/** Days begin at 23:00 UTC. */
function windowOf({ window }: BudgetRule, time: number): number {
  return window === 'total' ? 0 : Math.floor((time + HOUR) / DAY) * DAY - HOUR
}

function keyOf({ budget, subject, windowStart }: Pick<BudgetShare, 'budget' | 'subject' | 'windowStart'>): string {
  return [budget, subject, windowStart].join('\0')
}

function nanoOf({ outcome: { cost } }: Charge): number {
  return cost ? cost.input + cost.output : Number.NaN
}
