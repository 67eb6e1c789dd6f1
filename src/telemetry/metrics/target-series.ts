import type { Operation } from '../../domain/calls/call.ts'
import { operations } from '../../domain/calls/operations.ts'
import { instruments } from './instruments.ts'
import type { Counter, Histogram, Metrics } from './metrics.ts'

/** Counts of one provider's model, for metrics and for the statistics. */
export class TargetSeries {
  readonly provider: string
  readonly model: string
  /** Attempts, without skipped ones. */
  attempts = 0
  errors = 0
  succeeded = 0
  /** Total time of successful attempts until the end of the reply, in ms. */
  succeededTime = 0
  /** Output tokens of successful attempts that reported any. */
  generatedTokens = 0
  /** Time these attempts took, in ms. */
  generatedTime = 0
  readonly calls: Counter
  readonly latency: Histogram
  readonly inputTokens: Counter
  readonly outputTokens: Counter
  /** In nano-dollars. */
  readonly cost: Counter
  readonly #metrics: Metrics
  readonly #genAiName: string
  readonly #operations: { [O in Operation]?: OperationSeries } = {}
  #cachedLatency: Histogram | undefined
  readonly #outcomes = new Map<string, Map<string, Counter>>()
  #priceMissing: Counter | undefined

  constructor(metrics: Metrics, provider: string, model: string, genAiName: string) {
    this.provider = provider
    this.model = model
    this.#metrics = metrics
    this.#genAiName = genAiName
    this.calls = metrics.counter(instruments.gatewayRequests, { provider, model })
    this.latency = metrics.histogram(instruments.gatewayLatency, { provider, cached: 'false' })
    this.inputTokens = metrics.counter(instruments.tokens, { provider, model, type: 'input' })
    this.outputTokens = metrics.counter(instruments.tokens, { provider, model, type: 'output' })
    this.cost = metrics.counter(instruments.cost, { provider, model })
  }

  /** Latency of calls answered from the cache. */
  get cachedLatency(): Histogram {
    const { provider } = this
    this.#cachedLatency ??= this.#metrics.histogram(instruments.gatewayLatency, { provider, cached: 'true' })
    return this.#cachedLatency
  }

  /** Responses whose cost is not known. */
  get priceMissing(): Counter {
    const { provider, model } = this
    this.#priceMissing ??= this.#metrics.counter(instruments.priceMissing, { provider, model })
    return this.#priceMissing
  }

  of(operation: Operation): OperationSeries {
    let series = this.#operations[operation]
    if (!series) {
      series = new OperationSeries(this.#metrics, operation, this.provider, this.model, this.#genAiName)
      this.#operations[operation] = series
    }
    return series
  }

  outcome(outcome: string, reason: string): Counter {
    let reasons = this.#outcomes.get(outcome)
    if (!reasons) {
      reasons = new Map()
      this.#outcomes.set(outcome, reasons)
    }
    let counter = reasons.get(reason)
    if (!counter) {
      const { provider, model } = this
      counter = this.#metrics.counter(instruments.attempts, { provider, model, outcome, reason })
      reasons.set(reason, counter)
    }
    return counter
  }
}

/** Metrics of one operation with one provider's model. Series are created when they are first needed. */
export class OperationSeries {
  readonly duration: Histogram
  readonly #metrics: Metrics
  readonly #labels: { operation: Operation; provider: string; model: string }
  readonly #genAi: Record<'gen_ai.operation.name' | 'gen_ai.provider.name' | 'gen_ai.request.model', string>
  readonly #statuses = new Map<string, Counter>()
  readonly #requestDurations = new Map<string, Histogram>()
  #tokens: { input: Histogram; output: Histogram } | undefined
  #pace: { firstToken: Histogram; outputToken: Histogram } | undefined

  constructor(metrics: Metrics, operation: Operation, provider: string, model: string, genAiName: string) {
    this.#metrics = metrics
    this.#labels = { operation, provider, model }
    this.#genAi = {
      'gen_ai.operation.name': operations[operation].genAiName,
      'gen_ai.provider.name': genAiName,
      'gen_ai.request.model': model,
    }
    this.duration = metrics.histogram(instruments.requestDuration, this.#labels)
  }

  /** Ended calls by status. */
  calls(status: string): Counter {
    let counter = this.#statuses.get(status)
    if (!counter) {
      counter = this.#metrics.counter(instruments.requests, { ...this.#labels, status })
      this.#statuses.set(status, counter)
    }
    return counter
  }

  /** Durations of attempts in s; `errorType` is empty for successes. */
  requestDuration(errorType: string): Histogram {
    let histogram = this.#requestDurations.get(errorType)
    if (!histogram) {
      const labels = { ...this.#genAi, 'error.type': errorType }
      histogram = this.#metrics.histogram(instruments.genAiRequestDuration, labels)
      this.#requestDurations.set(errorType, histogram)
    }
    return histogram
  }

  /** Tokens of one attempt. */
  get tokens(): { readonly input: Histogram; readonly output: Histogram } {
    this.#tokens ??= {
      input: this.#metrics.histogram(instruments.genAiTokenUsage, { ...this.#genAi, 'gen_ai.token.type': 'input' }),
      output: this.#metrics.histogram(instruments.genAiTokenUsage, { ...this.#genAi, 'gen_ai.token.type': 'output' }),
    }
    return this.#tokens
  }

  /** Pace of streamed responses, in s. */
  get pace(): { readonly firstToken: Histogram; readonly outputToken: Histogram } {
    this.#pace ??= {
      firstToken: this.#metrics.histogram(instruments.genAiTimeToFirstToken, this.#genAi),
      outputToken: this.#metrics.histogram(instruments.genAiTimePerOutputToken, this.#genAi),
    }
    return this.#pace
  }
}
