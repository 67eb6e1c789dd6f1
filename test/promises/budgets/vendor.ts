import { DONE, type Exchange, frame, startUpstream } from '../../support/upstream-server.ts'
import { type Arrival, costOf, TOKEN_TIME, type World } from './demand.ts'
import { PIECE, type TokenText } from './texts.ts'
import { type Progress, WorldTime } from './world-time.ts'

/** What a vendor has been asked for and has generated, for one model. */
export interface Bill {
  /** In USD: the input of each request, and what was generated of the response when its connection was closed. */
  spent: number
  /** The part of it that is for responses under way. */
  running: number
  /** Responses that ended before they were complete, because of `max_tokens` or because the connection was closed. */
  shortened: number
  /** Responses under way, and the most that there were. */
  open: number
  mostOpen: number
}

/** What one model is asked. */
export interface Model {
  readonly world: World
  readonly calls: readonly Arrival[]
  /** By the number of the call. */
  readonly progress: Progress[]
  readonly texts: readonly TokenText[]
  readonly bill: Bill
}

/** A vendor with an API as OpenAI's. A request begins with the number of its call. */
export interface BudgetVendor {
  readonly url: string
  readonly time: WorldTime
  /** By the names of models. */
  readonly models: Map<string, Model>
  close(): Promise<void>
}

export async function startBudgetVendor(): Promise<BudgetVendor> {
  const models = new Map<string, Model>()
  const running = new Set<Generation>()
  const time = new WorldTime((now) => {
    for (const generation of running) generation.proceed(now)
  })
  const upstream = await startUpstream((exchange) => {
    // They are large.
    upstream.hits.length = 0
    const { hit, response } = exchange
    const model = models.get(String(hit.json['model']))
    if (!model) throw new Error(`there is no model ${hit.json['model']}`)
    const generation = new Generation(exchange, model, time.now)
    running.add(generation)
    response.once('close', () => {
      running.delete(generation)
      generation.end()
    })
  })
  return {
    url: upstream.url,
    time,
    models,
    async close() {
      time.close()
      await upstream.close()
    },
  }
}

/** One response while it is generated. */
class Generation {
  readonly #exchange: Exchange
  readonly #model: Model
  readonly #call: Arrival
  readonly #progress: Progress
  readonly #text: TokenText
  readonly #length: number
  #said = 0
  #nextAt: number
  #isComplete = false

  constructor(exchange: Exchange, model: Model, now: number) {
    const { json } = exchange.hit
    const [message] = json['messages'] as readonly { readonly content: string }[] // sent by the gateway
    const number = Number.parseInt(message?.content ?? '', 10)
    const { world, calls, progress, texts, bill } = model
    const [call, text, own] = [calls[number], texts[number % texts.length], progress[number]]
    if (!call || !text || !own) throw new Error(`there is no call ${number}`)
    this.#exchange = exchange
    this.#model = model
    this.#call = call
    this.#progress = own
    own.arrived = true
    this.#text = text
    this.#length = Math.min(call.output, Number(json['max_tokens'] ?? call.output))
    this.#nextAt = now + world.firstToken / world.speed
    bill.open++
    bill.mostOpen = Math.max(bill.mostOpen, bill.open)
    this.#pay(costOf(call.input, 0))
    exchange.response.writeHead(200, { 'content-type': 'text/event-stream' })
  }

  /** Sends the next pieces that it is time for. */
  proceed(now: number): void {
    while (!this.#isComplete && now >= this.#nextAt) this.#say()
  }

  #say(): void {
    const { response } = this.#exchange
    const { world } = this.#model
    const tokens = Math.min(PIECE, this.#length - this.#said)
    const content = this.#text.piece(this.#said / PIECE, tokens)
    this.#said += tokens
    this.#progress.sent += content.length
    this.#pay(costOf(0, tokens))
    response.write(frame({ id: 'x', choices: [{ index: 0, delta: { content }, finish_reason: null }] }))
    this.#nextAt += (PIECE * TOKEN_TIME) / world.speed
    if (this.#said < this.#length) return
    this.#isComplete = true
    const reason = this.#length < this.#call.output ? 'length' : 'stop'
    const { input } = this.#call
    const usage = { prompt_tokens: input, completion_tokens: this.#said, total_tokens: input + this.#said }
    response.write(frame({ id: 'x', choices: [{ index: 0, delta: {}, finish_reason: reason }] }))
    response.end(frame({ choices: [], usage }) + DONE)
  }

  /** The connection is closed. */
  end(): void {
    const { bill } = this.#model
    bill.open--
    bill.running -= costOf(this.#call.input, this.#said)
    if (this.#said < this.#call.output) bill.shortened++
  }

  #pay(cost: number): void {
    const { bill } = this.#model
    bill.spent += cost
    bill.running += cost
  }
}
