import { type Arrival, costOf, duration, type World } from './demand.ts'

/** What came of calls under one budget. */
export interface Result {
  /** In USD. */
  readonly spent: number
  readonly calls: number
  readonly refused: number
  /** Calls refused although they would have fitted into what was left of the budget at that moment. */
  readonly early: number
}

/** Whether a call is made. `settled` is the cost of ended calls, `open` of how many calls there are others under way. */
type Admits = (call: Arrival, settled: number, open: number) => boolean

/** A call is made while less than the limit is spent, and charged when it has ended. */
export function checkThenCharge(world: World, calls: readonly Arrival[], limit: number): Result {
  return play(
    world,
    calls,
    limit,
    (_call, settled) => settled < limit,
    () => 0,
  )
}

/** Each call reserves the most that it may cost: a token for each byte of its prompt, and `max_tokens`. */
export function worstCase(world: World, calls: readonly Arrival[], limit: number): Result {
  const most = ({ input }: Arrival) => costOf(input * BYTES_PER_TOKEN, world.maxTokens)
  return play(world, calls, limit, (call, settled, open) => settled + open + most(call) <= limit, most)
}

const BYTES_PER_TOKEN = 4

interface Running {
  readonly call: Arrival
  readonly ends: number
}

function play(
  world: World,
  calls: readonly Arrival[],
  limit: number,
  admits: Admits,
  reserve: (call: Arrival) => number,
): Result {
  let running: Running[] = []
  let settled = 0
  let reserved = 0
  let refused = 0
  let early = 0
  for (const call of calls) {
    const ended = running.filter(({ ends }) => ends <= call.at)
    running = running.filter(({ ends }) => ends > call.at)
    for (const each of ended) {
      settled += trueCost(each.call)
      reserved -= reserve(each.call)
    }
    if (admits(call, settled, reserved)) {
      running.push({ call, ends: call.at + duration(world, call.output) })
      reserved += reserve(call)
      continue
    }
    refused++
    const soFar = running.reduce((sum, each) => sum + generatedBy(world, each, call.at), 0)
    if (settled + soFar + trueCost(call) <= limit) early++
  }
  const spent = running.reduce((sum, each) => sum + trueCost(each.call), settled)
  return { spent, calls: calls.length, refused, early }
}

function trueCost({ input, output }: Arrival): number {
  return costOf(input, output)
}

/** What a call under way has cost so far. */
function generatedBy(world: World, { call, ends }: Running, now: number): number {
  const part = Math.max(0, 1 - (ends - now) / duration({ ...world, firstToken: 0 }, call.output))
  return costOf(call.input, call.output * part)
}
