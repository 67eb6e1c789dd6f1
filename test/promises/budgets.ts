import { type ChatEvent, LlmGatewayAdmin, Role } from '../../src/domain/types.ts'
import { setup } from '../support/build-gateway.ts'
import { streamChat } from '../support/client.ts'
import { startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { type Arrival, agent, arrivals, chat, costOf, inFlight, PRICE, type World } from './budgets/demand.ts'
import { endedGateways } from './budgets/ended-gateways.ts'
import { checkThenCharge, type Result, worstCase } from './budgets/strategies.ts'
import { type TokenText, textsOfAllKinds } from './budgets/texts.ts'
import { type Bill, type BudgetVendor, startBudgetVendor } from './budgets/vendor.ts'
import type { Progress } from './budgets/world-time.ts'
import type { Figures, Promised } from './figures.ts'

/** In USD. */
const LIMITS = [0.5, 2, 20]
const SHORT_LIMITS = [0.5]
/** What calls would cost altogether, as a multiple of the limit. */
const DEMAND = 3
/** A budget that is this many times what is in flight at once is used up, and refuses few calls early. */
const AMPLE = 10
const MIN_USED = 0.95
const MAX_EARLY = 0.1
/** The largest error of sums of dollars. */
const ROUNDING = 1e-6
/** Of gateways that are killed. */
const ROUNDS = 5
/** Busy machines are slow, in ms. */
const DEADLINE = 600_000
/** So that every run has the same calls. */
const SEED = 1

/** What streams spend of budgets that bear a third of them, and what is spent when gateways end. */
export const budgets: Promised = {
  name: 'budgets',
  async measure(short) {
    setup()
    const limits = short ? SHORT_LIMITS : LIMITS
    const vendor = await startBudgetVendor()
    const gateway = await startGateway({ yaml: yamlOf(vendor.url, limits) })
    const client = new GrpcClient(gateway.grpc, { 'grpc.max_send_message_length': -1 })
    const tools = { client, vendor, texts: textsOfAllKinds() }
    const played = await Promise.all(
      [chat, agent].map(async (world) => {
        const figures: Figures[] = []
        for (const limit of limits) figures.push(await measured(tools, world, limit))
        return figures
      }),
    )
    client.close()
    await gateway.close()
    await vendor.close()
    return [...played.flat(), await endedGateways(short ? 1 : ROUNDS)]
  },
}

interface Tools {
  readonly client: GrpcClient
  readonly vendor: BudgetVendor
  readonly texts: readonly TokenText[]
}

/** What came of calls, with what went wrong. */
interface Played extends Result {
  /** Responses cut, or shortened by a lower `max_tokens`. */
  readonly shortened: number
  /** The most responses that were generated at once. */
  readonly atOnce: number
  readonly faults: readonly string[]
}

function nameOf({ name }: World, limit: number): string {
  return `${name}-${limit}`
}

function yamlOf(url: string, limits: readonly number[]): string {
  const names = [chat, agent].flatMap((world) => limits.map((limit) => ({ name: nameOf(world, limit), limit })))
  const prices = names.map(({ name }) => `  vendor/${name}: ${JSON.stringify(PRICE)}`)
  const list = names.map(
    ({ name, limit }) =>
      `    - { name: ${name}, scope: label, match: { for: ${name} }, limit_usd: ${limit}, window: total }`,
  )
  return `
auth: none
server: { max_deadline: 10m, limits: { read_timeout: 60s } }
ledger: { url: memory }
providers: { vendor: { kind: openai-compatible, base_url: "${url}" } }
prices:
${prices.join('\n')}
budgets:
  list:
${list.join('\n')}
`
}

async function measured(tools: Tools, world: World, limit: number): Promise<Figures> {
  const calls = arrivals(world, DEMAND * limit, SEED)
  const played = await play(tools, world, limit, calls)
  const times = limit / inFlight(world)
  const isAmple = times >= AMPLE
  const overspend = played.spent - limit
  const used = Math.min(1, played.spent / limit)
  const early = played.early / played.calls
  const ample = `at least ${percent(MIN_USED)} are used, and at most ${percent(MAX_EARLY)} of the calls are refused early`
  const { name, atOnce, maxTokens } = world
  return {
    promise:
      `${name}: ${atOnce} streams at once, max_tokens ${maxTokens}, demand for ${DEMAND} times a budget of ${limit} USD, ` +
      `which is ${times.toFixed(1)} times what is in flight: nothing is overspent${isAmple ? `; ${ample}` : ''}`,
    measured: [
      `overspent ${percent(Math.max(0, overspend) / limit)}, used ${percent(used)}, early ${percent(early)} of ${played.calls} calls, ` +
        `${played.shortened} shortened; at most ${played.atOnce} at once`,
      `check, then charge: overspent ${percent(checkThenCharge(world, calls, limit).spent / limit - 1)}`,
      worst(worstCase(world, calls, limit), limit),
      ...played.faults.slice(0, 1).map((fault) => `${played.faults.length} failed, the first: ${fault}`),
    ].join('; '),
    holds:
      overspend <= ROUNDING && played.faults.length === 0 && (!isAmple || (used >= MIN_USED && early <= MAX_EARLY)),
  }
}

function worst({ spent, early, calls }: Result, limit: number): string {
  return `worst case: used ${percent(spent / limit)}, early ${percent(early / calls)}`
}

function percent(part: number): string {
  return `${(Math.max(0, part) * 100).toFixed(1)} %`
}

/** Makes each call at its time, and waits until all have ended. */
async function play(tools: Tools, world: World, limit: number, calls: readonly Arrival[]): Promise<Played> {
  const { client, vendor, texts } = tools
  const name = nameOf(world, limit)
  const bill: Bill = { spent: 0, running: 0, shortened: 0, open: 0, mostOpen: 0 }
  const progress = calls.map((): Progress => ({ arrived: false, sent: 0, received: 0 }))
  const { time } = vendor
  vendor.models.set(name, { world, calls, progress, texts, bill })
  const faults: string[] = []
  const outcome = { refused: 0, early: 0 }
  const begun = time.now
  const made = calls.map(async (call, number) => {
    await time.reach(begun + call.at)
    const own = progress[number]
    if (own) time.open.add(own)
    const content = `${number} ${texts[number % texts.length]?.of(call.input)}`
    const request = { model: `vendor/${name}`, maxTokens: world.maxTokens, labels: { for: name } }
    const { messages, error } = await streamChat(
      client,
      { ...request, messages: [{ role: Role.USER, content }] },
      { deadline: DEADLINE, onMessage: (message) => receive(message, own) },
    )
    if (own) time.open.delete(own)
    if (!error || (error.reason === 'BUDGET_EXCEEDED' && messages.length > 0)) return
    if (error.reason !== 'BUDGET_EXCEEDED') return void faults.push(`${error.code} ${error.reason}: ${error.message}`)
    outcome.refused++
    const left = limit - costOf(call.input, call.output)
    // What a cut response is charged is an estimate, rather too high.
    if (bill.spent <= left && (await budgetOf(client, name)).spentUsd + bill.running <= left) outcome.early++
  })
  await Promise.all(made)
  const budget = await budgetOf(client, name)
  if (budget.reservedUsd > ROUNDING) faults.push(`${budget.reservedUsd} USD are still reserved`)
  // The gateway estimates what a cut response cost; the vendor knows.
  return {
    ...outcome,
    spent: Math.max(bill.spent, budget.spentUsd),
    calls: calls.length,
    shortened: bill.shortened,
    atOnce: bill.mostOpen,
    faults,
  }
}

function receive(message: unknown, progress: Progress | undefined): void {
  const { event } = message as ChatEvent // the messages of StreamChat
  if (progress && event.case === 'text') progress.received += event.value.text.length
}

async function budgetOf(client: GrpcClient, name: string) {
  const { value, error } = await client.unary(LlmGatewayAdmin.method.listBudgets, { name })
  const [budget] = value?.budgets ?? []
  if (!budget) throw new Error(`ListBudgets: ${error?.message}`)
  return budget
}
