import type { Caller } from '../../../domain/calls/call.ts'
import { duration } from '../../../domain/calls/call-record.ts'
import type { Clock } from '../../../domain/clock.ts'
import { GatewayError, invalid } from '../../../domain/errors/error.ts'
import { type Currency, costOf, dollars } from '../../../domain/money.ts'
import type { Charge } from '../../../domain/ports/money/ledger.ts'
import type { CostSums, LedgerQueries } from '../../../domain/ports/money/ledger-queries.ts'
import { isTimeZone, startOfMonth } from '../../../domain/time-zone.ts'
import {
  type CallerCost,
  CostGroup,
  type CostRow,
  type GetCostSummaryRequest,
  type GetCostSummaryResponse,
  type ListCallerCostsRequest,
  type ListCallerCostsResponse,
  type ListUsageRequest,
  type ListUsageResponse,
  type UsageRecord,
  UsageState,
  type UsageTotals,
} from '../../../domain/types.ts'
import { timestamp } from '../timestamp.ts'
import { sumsByCaller } from './caller-sums.ts'
import { pageToken, positionIn } from './page-token.ts'
import { pageSizeOf, selectionOf } from './usage-selection.ts'

/** Most users of one caller in a summary. */
const MAX_USERS = 10_000
/** Most groups of one summary. */
const MAX_GROUPS = 4

/** What answers questions about costs. */
export interface CostSources {
  readonly queries: LedgerQueries
  /** IANA zone of the ledger's days. */
  readonly timeZone: string
  /** Shown beside USD; undefined for none. */
  readonly currency: Currency | undefined
}

type CostMethod<I, O> = (request: I, context: unknown, caller: Caller) => Promise<O>

/** Sums of what was spent, by groups. */
export function createGetCostSummary(
  sources: CostSources | undefined,
  clock: Clock,
): CostMethod<GetCostSummaryRequest, GetCostSummaryResponse> {
  return async (request, _context, caller) => {
    const { queries, currency, timeZone: ownZone } = existing(sources)
    const timeZone = request.timeZone || ownZone
    checkGrouping(request, timeZone)
    const now = clock.wall()
    const selection = selectionOf(request, caller, now, startOfMonth(now, timeZone))
    const { groupBy: groups, labelKey } = request
    const { rows, total, truncated } = await queries.summarize(selection, { groups, labelKey, timeZone })
    return {
      $typeName: 'llmgateway.v1.GetCostSummaryResponse',
      rows: rows.map((row) => costRow(row, currency)),
      total: costRow(total, currency),
      start: timestamp(selection.start ?? 0),
      end: timestamp(selection.end),
      timeZone,
      truncated,
      ...(currency && { currency: currency.code, usdRate: currency.usdRate }),
    }
  }
}

/** The records of calls, newest first. */
export function createListUsage(
  sources: CostSources | undefined,
  clock: Clock,
): CostMethod<ListUsageRequest, ListUsageResponse> {
  return async (request, _context, caller) => {
    const { queries } = existing(sources)
    const pageSize = pageSizeOf(request.pageSize)
    const selection = selectionOf(request, caller, clock.wall())
    const { start, end, filter } = request
    const query = ['ListUsage', selection.onlyCaller, start, end, filter]
    const { records, next } = await queries.list(selection, pageSize, positionIn(request.pageToken, query))
    return {
      $typeName: 'llmgateway.v1.ListUsageResponse',
      records: records.map(usageRecord),
      nextPageToken: next === undefined ? '' : pageToken(query, next),
    }
  }
}

/** Costs by caller and user. */
export function createListCallerCosts(
  sources: CostSources | undefined,
  clock: Clock,
): CostMethod<ListCallerCostsRequest, ListCallerCostsResponse> {
  return async (request, _context, caller) => {
    const { queries, timeZone } = existing(sources)
    const pageSize = pageSizeOf(request.pageSize)
    const now = clock.wall()
    const selection = selectionOf(request, caller, now, startOfMonth(now, timeZone))
    const query = ['ListCallerCosts', selection.onlyCaller, request.start, request.end]
    const after = callerAt(positionIn(request.pageToken, query))
    // The users of the caller in the token may all have been listed.
    const enough = pageSize + (after ? MAX_USERS : 0)
    const rows = await sumsByCaller({ queries, selection, timeZone, from: after?.caller, enough })
    const left = rows.map(callerCost).sort(byCaller)
    const page = left.filter((row) => !after || byCaller(row, after) > 0).slice(0, pageSize)
    const last = page.at(-1)
    const isLast = last === undefined || last === left.at(-1)
    return {
      $typeName: 'llmgateway.v1.ListCallerCostsResponse',
      callers: page,
      nextPageToken: isLast ? '' : pageToken(query, JSON.stringify([last.caller, last.userId])),
    }
  }
}

function existing(sources: CostSources | undefined): CostSources {
  if (sources) return sources
  throw new GatewayError('NO_LEDGER', 'Costs are not recorded: configure the block "ledger".')
}

function checkGrouping({ groupBy, labelKey }: GetCostSummaryRequest, timeZone: string): void {
  if (!isTimeZone(timeZone)) throw invalid('time_zone', 'must be an IANA time zone such as Europe/Madrid.')
  if (groupBy.length > MAX_GROUPS) throw invalid('group_by', `must have at most ${MAX_GROUPS} groups.`)
  for (const [index, group] of groupBy.entries()) {
    const isKnown = CostGroup[group] !== undefined && group !== CostGroup.UNSPECIFIED
    if (!isKnown) throw invalid(`group_by[${index}]`, 'is not a known group.')
  }
  if (groupBy.includes(CostGroup.LABEL) && labelKey === '') throw invalid('label_key', 'is required to group by LABEL.')
}

function costRow(sums: CostSums, currency: Currency | undefined): CostRow {
  return {
    $typeName: 'llmgateway.v1.CostRow',
    keys: [...sums.keys],
    ...counts(sums),
    unpricedCalls: big(sums.unpricedCalls),
    ...(currency && { amount: dollars(Math.round(Number(sums.cost) * currency.usdRate)) }),
  }
}

function callerCost(sums: CostSums): CallerCost {
  const [caller = '', userId = ''] = sums.keys
  return { $typeName: 'llmgateway.v1.CallerCost', caller, userId, ...counts(sums) }
}

function counts(sums: CostSums) {
  return {
    calls: big(sums.calls),
    errors: big(sums.errors),
    cachedCalls: big(sums.cachedCalls),
    usage: usageTotals(sums),
    usd: Number(sums.cost) / 1e9,
    savedUsd: Number(sums.saved) / 1e9,
  }
}

function usageTotals({ input, output, cachedInput, cacheWrite, reasoning }: CostSums): UsageTotals {
  return { $typeName: 'llmgateway.v1.UsageTotals', input, output, cachedInput, cacheWrite, reasoning }
}

function big(count: number): bigint {
  return BigInt(count)
}

function usageRecord({ facts, outcome, ending }: Charge): UsageRecord {
  const { time, labels, ...names } = facts
  const { state, tokens, cost, upstreamLatency } = outcome
  const record: UsageRecord = {
    $typeName: 'llmgateway.v1.UsageRecord',
    ...names,
    labels: { ...labels },
    time: timestamp(time),
    final: ending !== undefined,
    state,
    usage: {
      $typeName: 'llmgateway.v1.Usage',
      ...defined(tokens),
      estimated: state === UsageState.ESTIMATED || state === UsageState.UNKNOWN,
    },
    code: ending?.code ?? outcome.code,
    reason: ending?.reason ?? outcome.reason,
    latency: duration(ending?.latency ?? upstreamLatency),
    upstreamLatency: duration(upstreamLatency),
  }
  if (cost) record.cost = costOf(cost, record.usage?.estimated ?? false)
  if (record.cost && outcome.saved !== undefined) record.cost.savedUsd = outcome.saved / 1e9
  return record
}

/** Without the entries that are undefined. */
function defined<T extends object>(values: T): { [Name in keyof T]: NonNullable<T[Name]> } {
  // The entries that are left have a value.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never
}

type Position = Pick<CallerCost, 'caller' | 'userId'>

function byCaller(a: Position, b: Position): number {
  return order(a.caller, b.caller) || order(a.userId, b.userId)
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The last caller of the page before; undefined for the first page. */
function callerAt(position: string): Position | undefined {
  if (position === '') return undefined
  // Written by ListCallerCosts, as the token has shown.
  const [caller, userId]: [string, string] = JSON.parse(position)
  return { caller, userId }
}
