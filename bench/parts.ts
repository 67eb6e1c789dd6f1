import { hash } from 'node:crypto'
import type { ChatEvent, ChatRequest } from '../gen/llmgateway/v1/chat_pb.js'
import type { Call } from '../src/domain/calls/call.ts'
import type { Planned } from '../src/domain/calls/facts.ts'
import type { Handler } from '../src/domain/streams/follow.ts'
import { budgetsInMemory } from './budgets-part.ts'
import { built } from './built.ts'
import { callsOf, KEY } from './instant-calls.ts'
import { median } from './measure.ts'

/** What a part of the pipeline adds to a call, in us of CPU. */
export interface PartCost {
  readonly name: string
  readonly cost: number
  readonly lowest: number
  readonly highest: number
}

export const LIMITS_AND_KEY = 'API key and limits in memory'
export const SINGLE_FLIGHT = 'single-flight, nobody joins'
export const ESTIMATE = 'estimate of the tokens in 10 KB of one letter'

/** In a round. */
const CALLS = 5000
const WARM_UPS = 5

export type Ask = () => Promise<void>
export interface Part {
  readonly name: string
  readonly without: Ask
  readonly with: Ask
}

/** Each part in one process without sockets: calls with it against the same calls without it, round by round. */
export async function partCosts(rounds: number): Promise<PartCost[]> {
  const costs: PartCost[] = []
  for (const part of [await limitsAndKey(), await budgetsInMemory(), await singleFlight(), await estimate()]) {
    const added: number[] = []
    for (let round = -WARM_UPS; round < rounds; round++) {
      const without = await costOf(part.without)
      const cost = (await costOf(part.with)) - without
      if (round >= 0) added.push(cost)
    }
    const { name } = part
    costs.push({ name, cost: median(added), lowest: Math.min(...added), highest: Math.max(...added) })
  }
  return costs
}

async function costOf(ask: Ask): Promise<number> {
  const before = process.cpuUsage()
  for (let count = 0; count < CALLS; count++) await ask()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CALLS
}

async function limitsAndKey(): Promise<Part> {
  const { authenticate } = await built<typeof import('../src/policies/authenticate.ts')>('policies/authenticate')
  const { limit } = await built<typeof import('../src/policies/limits/limit.ts')>('policies/limits/limit')
  const { Chain } = await built<typeof import('../src/domain/chain.ts')>('domain/chain')
  const { createAuthenticator } =
    await built<typeof import('../src/identity/authenticator.ts')>('identity/authenticator')
  const { MemoryLimiter } =
    await built<typeof import('../src/stores/limits/memory-limiter.ts')>('stores/limits/memory-limiter')
  const { systemClock: clock } = await built<typeof import('../src/domain/clock.ts')>('domain/clock')
  const world = await callsOf()
  const far = { requests: 1e9, tokens: 2e9, concurrent: 10_000, window: 60_000 }
  const key = { name: 'bench', sha256: hash('sha256', KEY, 'hex'), admin: false }
  const callers = createAuthenticator({ kind: 'required', keys: [key] }, { clock, limits: far })
  const limits = {
    limiter: new MemoryLimiter({ clock }),
    events: { limitReached() {} },
    shadow: false,
    aliases: new Map(),
  }
  const chain = Chain.of<Call<ChatRequest> & Planned, ChatEvent>()
    .use(authenticate(callers))
    .use(limit(limits, limits))
    .to(world.answer)
  return { name: LIMITS_AND_KEY, without: () => world.ask(world.answer), with: () => world.ask(chain) }
}

async function singleFlight(): Promise<Part> {
  const { SharedCall } =
    await built<typeof import('../src/policies/sharing/shared-call.ts')>('policies/sharing/shared-call')
  const { ChildContext } =
    await built<typeof import('../src/domain/calls/child-context.ts')>('domain/calls/child-context')
  const { systemClock: clock } = await built<typeof import('../src/domain/clock.ts')>('domain/clock')
  const world = await callsOf()
  const flying: Handler<Call<ChatRequest>, ChatEvent> = async (call) => {
    const sharedCall = new SharedCall<ChatEvent>(call.context, new ChildContext(call.context), {
      clock,
      sizeOf: () => 160,
      forJoined: (event) => event,
      isForAll: () => true,
      ended() {},
    })
    const opened = sharedCall.join(call)
    void sharedCall.start(world.answer, call)
    const events = await opened
    if (!events) throw new Error('the first of a flight was sent away')
    return events
  }
  return { name: SINGLE_FLIGHT, without: () => world.ask(world.answer), with: () => world.ask(flying) }
}

/** What tokenizers take seconds for. */
async function estimate(): Promise<Part> {
  const { textTokenEstimate } = await built<typeof import('../src/domain/tokens/scan.ts')>('domain/tokens/scan')
  const text = 'a'.repeat(10 * 1024)
  const once = async (tokens: number) => {
    if (Number.isNaN(tokens)) throw new Error('an estimate is a number')
  }
  return { name: ESTIMATE, without: () => once(0), with: () => once(textTokenEstimate(text)) }
}
