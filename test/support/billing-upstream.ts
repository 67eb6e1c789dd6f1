import { GatewayError } from '../../src/domain/errors/error.ts'
import type { ModelPrice } from '../../src/domain/money.ts'
import { FinishReason, type Usage } from '../../src/domain/types.ts'
import type { ReplyFormat, Wire } from '../../src/providers/define.ts'
import type { ClientRequest, HttpReplyHandler, HttpRequest } from '../../src/providers/http/http-client.ts'
import { priceOf, ratesOf } from '../../src/providers/prices/rates.ts'
import type { FakeClock } from './fake-clock.ts'
import { type Script, ScriptedUpstream, type Step } from './scripted-upstream.ts'

/* A vendor that keeps books of its own, and the wire that speaks with it. */

/** How the vendor answers a request. */
export interface Behaviour {
  readonly status: number
  readonly words: number
  readonly ending: 'done' | 'cut' | 'error' | 'break' | 'stall' | 'garbage'
  /** When it reports the usage: with the first word, at the end, or never. */
  readonly reports: 'early' | 'late' | 'never'
  /** In ms before each step. */
  readonly wait: number
}

/** One request in the books of the vendor. */
export interface Served {
  readonly question: string
  /** What a complete response costs at the price of the moment when the request came, in nano-dollars. */
  readonly nano: number
  /** Whether the complete response reports its usage. */
  readonly reports: boolean
  /** What the gateway has received. */
  received: 'nothing' | 'text' | 'refusal' | 'vendor error' | 'complete'
}

/** Nano-dollars for one input token at a time; output costs five times as much. It rises every 10 s, three times. */
export function nanoPerToken(now: number): number {
  return 300 * (1 + (Math.floor(now / 10_000) % 3))
}

/** The price that the gateway has in its list at a time. */
export function listedPrice(now: number): ModelPrice {
  const perMillion = nanoPerToken(now) / 1_000
  return priceOf(ratesOf({ input_mtok: perMillion, output_mtok: 5 * perMillion }))
}

const frame = (value: object) => `data: ${JSON.stringify(value)}\n\n`

/** Counts what it served, at its own prices. */
export class BillingUpstream extends ScriptedUpstream {
  readonly served: Served[] = []
  /** Called before a request is served. */
  readonly #arrived: () => void

  constructor(clock: FakeClock, behaviours: Iterator<Behaviour>, arrived: () => void) {
    super(clock, (request) => (request.method === 'GET' ? models : this.#script(request, behaviours, clock)))
    this.#arrived = arrived
  }

  override send(request: HttpRequest, handler: HttpReplyHandler): ClientRequest {
    if (request.method === 'GET') return super.send(request, handler)
    this.#arrived()
    const number = this.served.length
    const served = () => this.served[number] as Served // added by the script, which `send` asks for
    let isStream = false
    let body = ''
    return super.send(request, {
      sent: (fresh) => handler.sent(fresh),
      start: (status, headers) => {
        isStream = headers['content-type'] === 'text/event-stream'
        handler.start(status, headers)
      },
      data: (chunk) => {
        if (isStream) served().received = receivedAfter(served().received, chunk.toString())
        else body += chunk.toString()
        handler.data(chunk)
      },
      // What is no stream counts when it is there as a whole.
      end: () => {
        if (!isStream) served().received = receivedAfter('nothing', body)
        handler.end()
      },
      fail: (error) => handler.fail(error),
    })
  }

  #script({ body = '{}' }: HttpRequest, behaviours: Iterator<Behaviour>, clock: FakeClock): Script {
    const { question, streamed, inputs } = JSON.parse(body)
    const behaviour: Behaviour = behaviours.next().value
    const input = 2_000 + this.served.length
    const output = inputs ? 0 : 500 + this.served.length
    const price = nanoPerToken(clock.now())
    const reports = behaviour.reports !== 'never'
    this.served.push({ question, nano: price * (input + 5 * output), reports, received: 'nothing' })
    return inputs ? embedScript(behaviour, inputs, input) : chatScript(behaviour, streamed, { input, output })
  }
}

/** What the gateway has received once it has another chunk. Nothing comes after the end. */
function receivedAfter(before: Served['received'], chunk: string): Served['received'] {
  if (chunk.includes('"refused"')) return 'refusal'
  if (chunk.includes('"done"') || chunk.includes('"vectors"')) return 'complete'
  if (chunk.includes('"e"')) return before === 'nothing' ? 'vendor error' : before
  return 'text'
}

const models: Script = {
  status: 200,
  contentType: 'application/json',
  steps: [
    { wait: 0, act: { send: '{}' } },
    { wait: 0, act: 'end' },
  ],
}

function scriptOf(status: number, contentType: string, wait: number, acts: readonly Step['act'][]): Script {
  return { status, contentType, steps: acts.map((act) => ({ wait, act })) }
}

function embedScript({ status, wait, ending, reports }: Behaviour, inputs: readonly string[], input: number): Script {
  if (status !== 200) return refusal(status, wait)
  const body = { vectors: inputs.map(() => [1]), ...(reports !== 'never' && { usage: { input } }) }
  const acts: Step['act'][] =
    ending === 'break' || ending === 'stall' ? [ending] : [{ send: JSON.stringify(body) }, 'end']
  return scriptOf(200, 'application/json', wait, acts)
}

function chatScript(behaviour: Behaviour, streamed: boolean, usage: { input: number; output: number }): Script {
  const { status, wait, words, ending, reports } = behaviour
  if (status !== 200) return refusal(status, wait)
  if (!streamed) return wholeScript(behaviour, usage)
  const early = reports === 'early' ? { usage: { input: usage.input } } : {}
  const acts: Step['act'][] = Array.from({ length: words }, () => ({ send: frame({ t: 'word ', ...early }) }))
  const last = { done: true, ...(reports !== 'never' && { usage }) }
  const endings: Record<Behaviour['ending'], Step['act'][]> = {
    done: [{ send: frame(last) }, 'end'],
    cut: ['end'],
    error: [{ send: frame({ e: 'overloaded' }) }, 'stall'],
    break: ['break'],
    stall: ['stall'],
    garbage: [{ send: 'data: {"t":"wo\n\n' }, 'end'],
  }
  return scriptOf(200, 'text/event-stream', wait, [...acts, ...endings[ending]])
}

function wholeScript({ wait, words, ending, reports }: Behaviour, usage: object): Script {
  const body = { t: 'word '.repeat(words + 1), done: true, ...(reports !== 'never' && { usage }) }
  const bodies = { done: body, cut: body, error: { e: 'overloaded' }, garbage: undefined }
  if (ending === 'break' || ending === 'stall') return scriptOf(200, 'application/json', wait, [ending])
  const text = bodies[ending] ? JSON.stringify(bodies[ending]) : '{"t":"wo'
  return scriptOf(200, 'application/json', wait, [{ send: text }, 'end'])
}

function refusal(status: number, wait: number): Script {
  return scriptOf(status, 'application/json', wait, [{ send: '{"refused":true}' }, 'end'])
}

const format: ReplyFormat = {
  decoder: (sink) => {
    const read = (frame: Frame) => {
      if (frame.usage) sink.usage(usageOf(frame.usage))
      if (frame.t) sink.text(frame.t)
      if (frame.e) sink.failWith({ type: frame.e })
      if (!frame.done) return
      sink.stop(FinishReason.STOP, 'stop')
      sink.done()
    }
    return {
      whole: (body) => read(body as Frame),
      frame: (data) => read(JSON.parse(data)),
      end: () => sink.fail(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'cut', { fallback: true })),
    }
  },
}

interface Frame {
  readonly t?: string
  readonly e?: string
  readonly done?: boolean
  readonly usage?: Partial<Usage>
}

function usageOf(usage: Partial<Usage>): Usage {
  return { $typeName: 'llmgateway.v1.Usage', estimated: false, ...usage }
}

/** Two inputs in one embedding request. */
export const billingWire: Wire = {
  chat: {
    encode: (request, { stream: streamed }) => ({
      path: '/chat',
      body: JSON.stringify({ question: request.messages[0]?.content, streamed }),
    }),
    decoder: format.decoder,
  },
  embed: {
    limits: { inputs: 2 },
    encode: ({ userId }, inputs) => ({ path: '/embed', body: JSON.stringify({ question: userId, inputs }) }),
    decode(body) {
      const { vectors, usage } = body as { vectors: number[][]; usage?: Partial<Usage> } // what `embedScript` sends
      return { vectors, usage: usage && usageOf({ ...usage, output: 0 }), model: '' }
    },
  },
  models: { request: () => ({ path: '/models' }), decode: () => [] },
  readError: () => undefined,
}
