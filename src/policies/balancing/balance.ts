import type { Call, Operation } from '../../domain/calls/call.ts'
import type { Kept, Planned, SessionPlace, Target } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Latencies } from './latencies.ts'

/** Output tokens by which costs are compared when nothing bounds them. */
const USUAL_OUTPUT = 500

export interface Balancing {
  /** From 0 up to 1. */
  readonly random: () => number
  readonly latencies: Latencies
}

/**
 * Puts the targets of an alias in the order of its strategy. The first is asked first, the others are its fallbacks;
 * fallbacks that the caller names stay behind them.
 */
export function balance(balancing: Balancing): Policy<Call & Planned & Kept> {
  return (next) => (call) => {
    if (call.targets.every(({ choice }) => choice === undefined)) return next(call)
    return next({ ...call, targets: balanced(call, balancing, call.session) })
  }
}

/** The targets in the order in which they are asked. */
export function balanced(call: Call & Planned, balancing: Balancing, session?: SessionPlace): readonly Target[] {
  const targets = groupsOf(call.targets).flatMap((group) => keptFirst(inOrder(group, call, balancing), session))
  return call.wishes.disableFallback ? targets.slice(0, 1) : targets
}

/** The target that serves the conversation before the others of its alias. */
function keptFirst(group: readonly Target[], session: SessionPlace | undefined): readonly Target[] {
  const kept =
    session && group.find(({ provider, model }) => provider.name === session.provider && model === session.model)
  return kept?.choice ? [kept, ...group.filter((target) => target !== kept)] : group
}

/** Neighbouring targets with the same choice. */
function groupsOf(targets: readonly Target[]): Target[][] {
  const groups: Target[][] = []
  for (const target of targets) {
    const group = groups.at(-1)
    if (group && target.choice && group[0]?.choice === target.choice) group.push(target)
    else groups.push([target])
  }
  return groups
}

function inOrder(group: readonly Target[], call: Call, balancing: Balancing): readonly Target[] {
  const strategy = group[0]?.choice?.strategy
  if (group.length < 2 || strategy === undefined) return group
  switch (strategy) {
    case 'weighted':
      return ascending(group, ({ weight = 1 }) => -Math.log(1 - balancing.random()) / weight)
    case 'least_latency':
      return fasterOfTwo(group, call.operation, balancing)
    case 'least_cost':
      return ascending(group, (target) => costAt(target, call))
    default:
      return strategy satisfies never
  }
}

/** Two at random, the faster one first: always asking the fastest would leave the others unmeasured. */
function fasterOfTwo(group: readonly Target[], operation: Operation, { random, latencies }: Balancing) {
  const shuffled = ascending(group, random)
  const expected = new Map(group.map((target) => [target, latencies.expected(target, operation)]))
  const latency = (target: Target) => expected.get(target) ?? 0
  const [first, ...others] = ascending(shuffled.slice(0, 2), latency)
  return first ? [first, ...ascending([...others, ...shuffled.slice(2)], latency)] : group
}

/** Estimated cost in nano-dollars. A target without a known price comes last. */
function costAt({ provider, model, defaults }: Target, { operation, request, wishes }: Call): number {
  const input = operations[operation].promptTokens(request)
  const output = wishes.maxTokens ?? defaults.maxTokens ?? USUAL_OUTPUT
  const usage = { $typeName: 'llmgateway.v1.Usage', input, output, total: input + output, estimated: true } as const
  const bill = provider.describe(model).price?.bill(usage)
  return bill ? bill.input + bill.output : Number.POSITIVE_INFINITY
}

/** Stable sort by rank. */
function ascending(targets: readonly Target[], by: (target: Target) => number): Target[] {
  return targets
    .map((target) => ({ target, rank: by(target) }))
    .sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank))
    .map(({ target }) => target)
}
