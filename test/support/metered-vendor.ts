import { GatewayError } from '../../src/domain/errors/error.ts'
import { textTokens } from '../../src/domain/estimate.ts'
import type { ModelPrice } from '../../src/domain/money.ts'
import { FinishReason, type Usage } from '../../src/domain/types.ts'
import type { ReplyFormat, Wire } from '../../src/providers/define.ts'
import type { ClientRequest, HttpReplyHandler, HttpRequest } from '../../src/providers/http/http-client.ts'
import { priceOf, ratesOf } from '../../src/providers/prices/rates.ts'
import type { FakeClock } from './fake-clock.ts'
import { type Script, ScriptedUpstream, type Step } from './scripted-upstream.ts'

/*
 * A vendor that keeps to `max_tokens`, says with each piece of a stream what it has cost so far, and keeps books of its
 * own; and the wire that speaks with it.
 */

/** How the vendor answers a request. */
export interface Behaviour {
  readonly status: number
  /** Of a response that nothing shortens. */
  readonly pieces: number
  readonly ending: 'done' | 'cut' | 'error' | 'break' | 'stall' | 'garbage'
  /** In ms before each step. */
  readonly wait: number
}

/** Tokens of a piece by the vendor's count: more than a quarter of its bytes, fewer than the gateway estimates. */
const PIECE_TOKENS = 70
const PIECE = 'A'.repeat(250)
/** Tokens of the input of any text by the vendor's count, and of one input of an embedding call. */
const INPUT_TOKENS = 4
const EMBED_TOKENS = 2
/** Tokens at most that a budget adds for what is around a text. */
const AROUND_TEXT = 16
/** Output tokens at most that are charged for a response that was lost. */
const MOST_LOST = 1_000
/** In nano-dollars for one token. */
const INPUT_NANO = 300
const OUTPUT_NANO = 1_500

export const meteredPrice: ModelPrice = priceOf(
  ratesOf({ input_mtok: INPUT_NANO / 1_000, output_mtok: OUTPUT_NANO / 1_000 }),
)

/** One request in the books of the vendor. */
export class Served {
  readonly provider: string
  readonly question: string
  readonly #isWhole: boolean
  readonly #inputs: readonly string[] | undefined
  readonly #maxTokens: number | undefined
  readonly #runsOn: boolean
  /** Pieces that the gateway has received. */
  #pieces = 0
  #end: 'complete' | 'refused' | undefined

  constructor(provider: string, runsOn: boolean, body: Body) {
    this.provider = provider
    this.question = body.question
    this.#isWhole = !body.streamed
    this.#inputs = body.inputs
    this.#maxTokens = body.maxTokens
    this.#runsOn = runsOn || !body.streamed
  }

  received(text: string): void {
    if (this.#isWhole) return
    const { t, e, done } = parsed(text.replace('data: ', ''))
    if (t) this.#pieces++
    if (done) this.#end = 'complete'
    // An error after the first piece is no refusal.
    if (e && this.#pieces === 0) this.#end = 'refused'
  }

  /** The reply is there as a whole. */
  receivedAll(status: number, text: string): void {
    if (status !== 200) this.#end = 'refused'
    if (!this.#isWhole || status !== 200) return
    const { e, done, usage, vectors } = parsed(text)
    if (e && !this.#inputs) this.#end = 'refused'
    if (done || vectors) this.#end = 'complete'
    this.#pieces = (usage?.output ?? 0) / PIECE_TOKENS
  }

  /**
   * What is to be charged, at least and at most: they differ for a response of which nothing arrived, and where
   * `isBounded` is false and a response was lost that the vendor may have generated to its end.
   */
  nano(isBounded: boolean): readonly [least: number, most: number] {
    if (this.#end === 'refused') return [0, 0]
    if (this.#inputs)
      return exactly(this.#end ? EMBED_TOKENS * this.#inputs.length : estimated(this.#inputs.join('')), 0)
    const output = PIECE_TOKENS * this.#pieces
    if (this.#end) return exactly(INPUT_TOKENS, output)
    const [least, most] = this.#pieces > 0 ? [INPUT_TOKENS, INPUT_TOKENS] : inputOfLost(this.question)
    if (!this.#runsOn) return [cost(least, output), cost(most, output)]
    const assumed = Math.max(output, Math.min(this.#maxTokens ?? MOST_LOST, MOST_LOST))
    return [cost(least, isBounded ? assumed : output), cost(most, assumed)]
  }
}

function estimated(text: string): number {
  return textTokens(Buffer.byteLength(text))
}

/** Input tokens of a response of which nothing has arrived: a budget charges what it has estimated. */
function inputOfLost(text: string): readonly [least: number, most: number] {
  return [Math.min(estimated(text), INPUT_TOKENS), Buffer.byteLength(text) + AROUND_TEXT]
}

function exactly(input: number, output: number): readonly [number, number] {
  return [cost(input, output), cost(input, output)]
}

function cost(input: number, output: number): number {
  return INPUT_NANO * input + OUTPUT_NANO * output
}

/** A request, as the wire below writes it. */
interface Body {
  readonly question: string
  readonly streamed: boolean
  readonly maxTokens?: number
  readonly inputs?: readonly string[]
}

export class MeteredVendor extends ScriptedUpstream {
  readonly served: Served[] = []
  readonly #name: string
  readonly #runsOn: boolean

  constructor(clock: FakeClock, name: string, runsOn: boolean, behaviours: Iterator<Behaviour>) {
    super(clock, ({ method, body = '{}' }) =>
      method === 'GET'
        ? scriptOf(200, 'application/json', 0, [{ send: '{}' }, 'end'])
        : scriptFor(JSON.parse(body), behaviours.next().value),
    )
    this.#name = name
    this.#runsOn = runsOn
  }

  override send(request: HttpRequest, handler: HttpReplyHandler): ClientRequest {
    if (request.method === 'GET') return super.send(request, handler)
    const served = new Served(this.#name, this.#runsOn, JSON.parse(request.body ?? '{}'))
    this.served.push(served)
    let status = 0
    let text = ''
    return super.send(request, {
      sent: (fresh) => handler.sent(fresh),
      start: (code, headers) => {
        status = code
        handler.start(code, headers)
      },
      data: (chunk) => {
        text += chunk
        served.received(chunk.toString())
        handler.data(chunk)
      },
      end: () => {
        served.receivedAll(status, text)
        handler.end()
      },
      fail: (error) => handler.fail(error),
    })
  }
}

function scriptOf(status: number, contentType: string, wait: number, acts: readonly Step['act'][]): Script {
  return { status, contentType, steps: acts.map((act) => ({ wait, act })) }
}

const frame = (value: object) => `data: ${JSON.stringify(value)}\n\n`

function scriptFor({ streamed, inputs, maxTokens }: Body, behaviour: Behaviour): Script {
  const { status, wait, ending } = behaviour
  if (status !== 200) return scriptOf(status, 'application/json', wait, [{ send: '{"refused":true}' }, 'end'])
  const most = Math.floor((maxTokens ?? Number.POSITIVE_INFINITY) / PIECE_TOKENS)
  const pieces = Math.min(behaviour.pieces, most)
  const usage = (count: number) => ({ input: INPUT_TOKENS, output: PIECE_TOKENS * count })
  if (!streamed) {
    const whole = inputs
      ? { vectors: inputs.map(() => [1]), usage: { input: EMBED_TOKENS * inputs.length } }
      : { t: PIECE.repeat(pieces) || 'A', done: true, usage: usage(pieces) }
    return scriptOf(200, 'application/json', wait, wholeActs(whole, ending))
  }
  const said = Array.from({ length: pieces }, (_, at) => ({ send: frame({ t: PIECE, usage: usage(at + 1) }) }))
  const endings: Record<Behaviour['ending'], Step['act'][]> = {
    done: [{ send: frame({ done: true, usage: usage(pieces) }) }, 'end'],
    cut: ['end'],
    error: [{ send: frame({ e: 'overloaded' }) }, 'stall'],
    break: ['break'],
    stall: ['stall'],
    garbage: [{ send: 'data: {"t":"wo\n\n' }, 'end'],
  }
  return scriptOf(200, 'text/event-stream', wait, [...said, ...endings[ending]])
}

function wholeActs(whole: object, ending: Behaviour['ending']): Step['act'][] {
  if (ending === 'break' || ending === 'stall') return [ending]
  if (ending === 'garbage') return [{ send: '{"t":"wo' }, 'end']
  return [{ send: JSON.stringify(ending === 'error' ? { e: 'overloaded' } : whole) }, 'end']
}

interface Reply {
  readonly t?: string
  readonly e?: string
  readonly done?: boolean
  readonly usage?: Partial<Usage>
  readonly vectors?: number[][]
}

function parsed(text: string): Reply {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

function usageOf(usage: Partial<Usage>): Usage {
  return { $typeName: 'llmgateway.v1.Usage', estimated: false, ...usage }
}

const decoder: ReplyFormat['decoder'] = (sink) => {
  const read = ({ t, e, done, usage }: Reply) => {
    if (usage) sink.usage(usageOf(usage))
    if (t) sink.text(t)
    if (e) sink.failWith({ type: e })
    if (!done) return
    sink.stop(FinishReason.STOP, 'stop')
    sink.done()
  }
  return {
    whole: (body) => read(body as Reply),
    frame: (data) => read(JSON.parse(data)),
    end: () => sink.fail(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'cut', { fallback: true })),
  }
}

function encoded(question: string, streamed: boolean, maxTokens: number | undefined) {
  return { path: '/', body: JSON.stringify({ question, streamed, maxTokens }) }
}

/** Two inputs in one embedding request. */
export const meteredWire: Wire = {
  chat: {
    encode: ({ messages, maxTokens }, { stream }) => encoded(messages[0]?.content ?? '', stream, maxTokens),
    decoder,
  },
  complete: {
    takes: () => true,
    prepare: ({ prompt, maxTokens }, { stream }) => ({
      encoded: encoded(prompt, stream, maxTokens),
      format: { decoder },
    }),
  },
  embed: {
    limits: { inputs: 2 },
    encode: ({ userId: question }, inputs) => ({ path: '/', body: JSON.stringify({ question, inputs }) }),
    decode(body) {
      const { vectors = [], usage = {} } = body as Reply // what `scriptFor` sends
      return { vectors, usage: usageOf({ ...usage, output: 0 }), model: '' }
    },
  },
  models: { request: () => ({ path: '/models' }), decode: () => [] },
  readError: () => undefined,
}
