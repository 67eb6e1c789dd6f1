import type { Caller } from '../../domain/calls/call.ts'
import { duration } from '../../domain/calls/call-record.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError, invalid } from '../../domain/errors/error.ts'
import { costOf } from '../../domain/money.ts'
import type { Charge } from '../../domain/ports/ledger.ts'
import type { CostSums, LedgerQueries } from '../../domain/ports/ledger-queries.ts'
import { isTimeZone, startOfMonth } from '../../domain/time-zone.ts'
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
} from '../../domain/types.ts'
import { timestamp } from './timestamp.ts'
import { pageSizeOf, selectionOf } from './usage-selection.ts'

/** Most groups of one summary. */
const MAX_GROUPS = 4

type CostMethod<I, O> = (request: I, context: unknown, caller: Caller) => Promise<O>

/** Sums of what was spent, by groups. */
export function createGetCostSummary(
  ledger: LedgerQueries | undefined,
  clock: Clock,
): CostMethod<GetCostSummaryRequest, GetCostSummaryResponse> {
  return async (request, _context, caller) => {
    const queries = existing(ledger)
    const timeZone = request.timeZone || 'UTC'
    checkGrouping(request, timeZone)
    const now = clock.wall()
    const selection = selectionOf(request, caller, now, startOfMonth(now, timeZone))
    const { groupBy: groups, labelKey } = request
    const { rows, total, truncated } = await queries.summarize(selection, { groups, labelKey, timeZone })
    return {
      $typeName: 'llmgateway.v1.GetCostSummaryResponse',
      rows: rows.map(costRow),
      total: costRow(total),
      start: timestamp(selection.start ?? 0),
      end: timestamp(selection.end),
      timeZone,
      truncated,
    }
  }
}

/** The records of calls, newest first. */
export function createListUsage(
  ledger: LedgerQueries | undefined,
  clock: Clock,
): CostMethod<ListUsageRequest, ListUsageResponse> {
  return async (request, _context, caller) => {
    const queries = existing(ledger)
    const pageSize = pageSizeOf(request.pageSize)
    const { records, next } = await queries.list(
      selectionOf(request, caller, clock.wall()),
      pageSize,
      request.pageToken,
    )
    return {
      $typeName: 'llmgateway.v1.ListUsageResponse',
      records: records.map(usageRecord),
      nextPageToken: next ?? '',
    }
  }
}

/** Costs by caller and user. */
export function createListCallerCosts(
  ledger: LedgerQueries | undefined,
  clock: Clock,
): CostMethod<ListCallerCostsRequest, ListCallerCostsResponse> {
  return async (request, _context, caller) => {
    const queries = existing(ledger)
    const pageSize = pageSizeOf(request.pageSize)
    const after = positionOf(request.pageToken)
    const now = clock.wall()
    const { rows } = await queries.summarize(selectionOf(request, caller, now, startOfMonth(now, 'UTC')), {
      groups: [CostGroup.CALLER, CostGroup.USER],
      labelKey: '',
      timeZone: 'UTC',
    })
    const left = rows.map(callerCost).sort(byCaller)
    const page = left.filter((row) => !after || byCaller(row, after) > 0).slice(0, pageSize)
    const last = page.at(-1)
    const isLast = last === undefined || last === left.at(-1)
    return {
      $typeName: 'llmgateway.v1.ListCallerCostsResponse',
      callers: page,
      nextPageToken: isLast ? '' : tokenOf(last),
    }
  }
}

function existing(ledger: LedgerQueries | undefined): LedgerQueries {
  if (ledger) return ledger
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

function costRow(sums: CostSums): CostRow {
  return {
    $typeName: 'llmgateway.v1.CostRow',
    keys: [...sums.keys],
    ...counts(sums),
    unpricedCalls: big(sums.unpricedCalls),
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

function tokenOf({ caller, userId }: Position): string {
  return Buffer.from(JSON.stringify([caller, userId])).toString('base64url')
}

function positionOf(pageToken: string): Position | undefined {
  if (pageToken === '') return undefined
  try {
    const [caller, userId]: unknown[] = JSON.parse(Buffer.from(pageToken, 'base64url').toString())
    if (typeof caller === 'string' && typeof userId === 'string') return { caller, userId }
  } catch {
    // It is none of ours.
  }
  throw invalid('page_token', 'must be the next_page_token of the page before.')
}
