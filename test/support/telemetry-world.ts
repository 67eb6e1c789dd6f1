import { create } from '@bufbuild/protobuf'
import type { CallContext, Operation } from '../../src/domain/calls/call.ts'
import { CallRecord } from '../../src/domain/calls/call-record.ts'
import { createCall, type Observed, type Target } from '../../src/domain/calls/facts.ts'
import { Cancellation } from '../../src/domain/cancellation.ts'
import type { Clock } from '../../src/domain/clock.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { costOf } from '../../src/domain/money.ts'
import { EventStream } from '../../src/domain/streams/event-stream.ts'
import { finishEvent, startEvent, textEvent } from '../../src/domain/streams/events.ts'
import {
  AttemptOutcome,
  BreakerState,
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  FinishReason,
  Role,
  type Usage,
} from '../../src/domain/types.ts'
import { callProvider } from '../../src/policies/call-provider.ts'
import { observe } from '../../src/policies/observe.ts'
import { createLog, type Level } from '../../src/telemetry/log/log.ts'
import { logOperatorEvents } from '../../src/telemetry/log/operator-log.ts'
import { OperatorEventHub } from '../../src/telemetry/operator-event-hub.ts'
import { createTelemetry, type TelemetryOptions } from '../../src/telemetry/telemetry.ts'

/** Time that only moves when it is told to. */
export class ManualClock implements Clock {
  #now = 1000
  now = () => this.#now
  wall = () => Date.UTC(2026, 0, 1) + this.#now
  after = () => () => {}
  advance(ms: number): void {
    this.#now += ms
  }
}

export function usage(input: number | undefined, output: number | undefined): Usage {
  return {
    $typeName: 'llmgateway.v1.Usage',
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
    estimated: false,
  }
}

/** What one attempt does. Times in ms. */
export interface Script {
  readonly target: string
  readonly skipped?: boolean
  /** Fails after `firstEvent`. */
  readonly error?: GatewayError
  readonly firstEvent?: number
  /** From the first event to the last. */
  readonly rest?: number
  readonly usage?: Usage
  readonly usd?: number
  /** Whether its model has no price. */
  readonly unpriced?: boolean
}

export interface Scene {
  readonly operation?: Operation
  readonly request?: Partial<ChatRequest>
  readonly headers?: Readonly<Record<string, string>>
  /** In front of the first attempt and between any two. */
  readonly overhead?: number
  /** While the call is under way, before any attempt. */
  readonly during?: () => Promise<void>
  /** Before any attempt. */
  readonly refusal?: GatewayError
  /** Between the first event and the last. */
  readonly cancelled?: boolean
  readonly attempts?: readonly Script[]
}

export function world(options: Partial<TelemetryOptions> & { readonly level?: Level } = {}) {
  const clock = new ManualClock()
  const lines: string[] = []
  const log = createLog({
    clock,
    level: options.level ?? 'info',
    destination: { write: (line) => void lines.push(line) },
  })
  const events = new OperatorEventHub()
  events.subscribe(logOperatorEvents(log))
  const telemetry = createTelemetry({
    events,
    clock,
    random: () => 0.5,
    log,
    providers: [provider('one'), provider('two')],
    breakers: { stateOf: () => BreakerState.CLOSED },
    summary: { primaryProvider: 'one', fallbackProviders: ['two'], cacheEnabled: false },
    ...options,
  })
  const traceparents: (string | undefined)[] = []

  async function run(scene: Scene): Promise<void> {
    const record = new CallRecord(clock)
    record.caller = 'web'
    const cancellation = new Cancellation()
    const context: CallContext = {
      requestId: 'req-1',
      credential: 'Bearer canary-credential',
      deadline: 1e9,
      cancellation,
      peer: '10.0.0.9:4242',
      record,
      requestBytes: new Uint8Array(),
      header: (name) => scene.headers?.[name],
    }
    const call = createCall(scene.operation ?? 'chat', chatRequest(scene.request), context)
    let carryOn: (() => void) | undefined

    function ask(script: Script): Promise<EventStream<ChatEvent>> {
      clock.advance(script.firstEvent ?? 0)
      const attempt = record.attempts.at(-1)
      if (!attempt) throw new Error('no attempt has begun')
      if (script.error) {
        if (script.usage) attempt.usage = script.usage
        return Promise.reject(script.error)
      }
      attempt.status = 200
      const stream = new EventStream<ChatEvent>(cancellation, { pause() {}, resume() {}, cancel() {} })
      stream.push(startEvent('req-1', record.route(attempt, 'up-1', '')))
      stream.push(textEvent('canary-answer'))
      carryOn = () => {
        clock.advance(script.rest ?? 0)
        if (scene.cancelled) {
          if (script.usage) attempt.usage = script.usage
          cancellation.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
          return
        }
        record.succeed(attempt)
        const output = Math.round((script.usd ?? 0) * 1e9)
        const cost = script.unpriced ? undefined : costOf({ input: 0, output }, false)
        const finish = {
          finishReason: FinishReason.STOP,
          rawFinishReason: 'stop',
          usage: script.usage,
          cost,
          route: record.route(attempt, 'up-1', `${attempt.model}-2026`),
        }
        stream.push(finishEvent(finish))
        stream.end()
      }
      return Promise.resolve(stream)
    }

    type ObservedCall = typeof call & Observed
    function attempt(observed: ObservedCall, script: Script, fallback: boolean): Promise<EventStream<ChatEvent>> {
      const slash = script.target.indexOf('/')
      const name = script.target.slice(0, slash)
      const model = script.target.slice(slash + 1)
      if (script.skipped) {
        record.fail(record.begin(name, model, fallback), AttemptOutcome.SKIPPED, 'UNSUPPORTED')
        throw new GatewayError('UNSUPPORTED', 'Not with this model.')
      }
      const target = { provider: { name, describe: () => ({}) }, model, defaults: {} } as unknown as Target // only these are read
      const attempted = callProvider<ChatRequest, ChatEvent>(async (_, question) => {
        traceparents.push(question.traceparent)
        return ask(script)
      })
      const facts = {
        target,
        key: undefined,
        reservation: undefined,
        firstEventBy: Number.POSITIVE_INFINITY,
        fallback,
        warnings: [],
      }
      return attempted({ ...observed, ...facts })
    }

    const handler = observe(telemetry)<typeof call, ChatEvent>(async (observed) => {
      clock.advance(scene.overhead ?? 0)
      await scene.during?.()
      let failure = scene.refusal ?? new GatewayError('NO_PROVIDERS', 'None.')
      for (const [index, script] of (scene.attempts ?? []).entries()) {
        try {
          return await attempt(observed, script, index > 0)
        } catch (error) {
          failure = GatewayError.from(error)
          clock.advance(scene.overhead ?? 0)
        }
      }
      throw failure
    })
    let events: EventStream<ChatEvent>
    try {
      events = await handler(call)
    } catch {
      return
    }
    await new Promise<void>((resolve) => {
      events.read({ event: () => true, end: () => resolve() })
      carryOn?.()
    })
  }

  return { clock, lines, log, telemetry, traceparents, run, stats: () => telemetry.stats.snapshot() }
}

export function provider(name: string) {
  return {
    name,
    genAiName: name,
    baseUrl: `https://${name}.example.com/v1`,
    defaultModel: 'small',
    defaultEmbedModel: undefined,
    catalogue: () => ['small', 'large'],
  }
}

/** A request with a text that telemetry must not show. */
function chatRequest(fields: Partial<ChatRequest> = {}): ChatRequest {
  const request = create(ChatRequestSchema, { messages: [{ role: Role.USER, content: 'canary-prompt' }] })
  return Object.assign(request, fields)
}
