/** A metric. All metrics are defined in this file. */
export interface Instrument<Label extends string = string> {
  /** Dots become underscores on the Prometheus page. */
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  /** Unit in UCUM. */
  readonly unit: string
  readonly description: string
  /** Every label has a bounded set of values. A label whose value is empty is left out. */
  readonly labels: readonly Label[]
  /** Upper bounds of the buckets; histograms only. */
  readonly boundaries?: readonly number[]
  /** Divides counts that are kept in a smaller unit than they are shown in. */
  readonly divisor?: number
}

/*
 * The boundaries are those that the GenAI semantic conventions give:
 * https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
 */
const durationBoundaries = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const tokenBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]
const firstTokenBoundaries = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const outputTokenBoundaries = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]

/** From a few function calls to a stuck process. */
const overheadBoundaries = [
  0.00005, 0.0001, 0.0002, 0.0004, 0.0008, 0.0016, 0.0032, 0.0064, 0.0128, 0.0256, 0.0512, 0.1024, 0.2048, 1,
]

const genAiLabels = ['gen_ai.operation.name', 'gen_ai.provider.name', 'gen_ai.request.model'] as const

export const instruments = {
  requests: {
    name: 'llm_requests_total',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls that ended, by gRPC status. A call that reached no provider has the provider none.',
    labels: ['operation', 'provider', 'model', 'status'],
  },
  requestDuration: {
    name: 'llm_request_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'From the arrival of a call to its ending, retries and fallbacks included.',
    labels: ['operation', 'provider', 'model'],
    boundaries: durationBoundaries,
  },
  tokens: {
    name: 'llm_tokens_total',
    kind: 'counter',
    unit: '{token}',
    description: 'Tokens that vendors reported: type is input or output.',
    labels: ['provider', 'model', 'type'],
  },
  cost: {
    name: 'llm_cost_total',
    kind: 'counter',
    unit: 'USD',
    description: 'Cost of the tokens in USD at list prices, for models whose price is known.',
    labels: ['provider', 'model'],
    divisor: 1e9,
  },
  priceMissing: {
    name: 'llm_gateway_price_missing_total',
    kind: 'counter',
    unit: '{attempt}',
    description: 'Responses whose cost is not known, because their model has no price. Set one under prices.',
    labels: ['provider', 'model'],
  },
  activeConnections: {
    name: 'active_connections',
    kind: 'gauge',
    unit: '{call}',
    description: 'Calls that are under way.',
    labels: [],
  },
  errorRate: {
    name: 'error_rate_total',
    kind: 'counter',
    unit: '{call}',
    description: "Failed calls, without cancelled ones and the callers' own faults.",
    labels: [],
  },
  httpRequests: {
    name: 'http_requests_total',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests to the HTTP server.',
    labels: ['method', 'route', 'status'],
  },
  httpRequestDuration: {
    name: 'http_request_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'From the arrival of a request at the HTTP server to the end of its response.',
    labels: ['method', 'route'],
    boundaries: durationBoundaries,
  },
  gatewayRequests: {
    name: 'llm_gateway_requests_total',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls that ended, by the provider and model that answered or were asked last.',
    labels: ['provider', 'model'],
  },
  gatewayLatency: {
    name: 'llm_gateway_latency_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'From the arrival of a call to its ending, by whether the response came from the cache.',
    labels: ['provider', 'cached'],
    boundaries: durationBoundaries,
  },
  errors: {
    name: 'llm_gateway_errors_total',
    kind: 'counter',
    unit: '{call}',
    description: 'Failed calls, by reason and by origin: caller, policy, provider or gateway.',
    labels: ['origin', 'reason'],
  },
  fallbacks: {
    name: 'llm_gateway_fallbacks_total',
    kind: 'counter',
    unit: '{call}',
    description: 'Successful calls that tried a target other than the first one planned.',
    labels: [],
  },
  attempts: {
    name: 'llm_gateway_attempts_total',
    kind: 'counter',
    unit: '{attempt}',
    description: 'Attempts at providers, by outcome: ok, failed, skipped or cancelled. The reason of ok is empty.',
    labels: ['provider', 'model', 'outcome', 'reason'],
  },
  breakerState: {
    name: 'llm_gateway_breaker_state',
    kind: 'gauge',
    unit: '{state}',
    description:
      'Breaker of a target: 0 closed, calls pass; 1 half-open, a probe is under way; 2 open, calls are refused.',
    labels: ['provider', 'model'],
  },
  breakerTransitions: {
    name: 'llm_gateway_breaker_transitions_total',
    kind: 'counter',
    unit: '{transition}',
    description: 'State changes of breakers, by the new state: closed, half_open or open.',
    labels: ['provider', 'model', 'state'],
  },
  retries: {
    name: 'llm_gateway_retries_total',
    kind: 'counter',
    unit: '{attempt}',
    description: 'Attempts that repeated a target that had just failed.',
    labels: [],
  },
  cacheHits: {
    name: 'llm_gateway_cache_hits_total',
    kind: 'counter',
    unit: '{lookup}',
    description: 'Lookups that found a response: one for a chat, one for each input of an embedding.',
    labels: [],
  },
  cacheMisses: {
    name: 'llm_gateway_cache_misses_total',
    kind: 'counter',
    unit: '{lookup}',
    description: 'Lookups that found none.',
    labels: [],
  },
  cacheShared: {
    name: 'llm_gateway_cache_shared_total',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls that shared the upstream call of an equal call made at the same time.',
    labels: [],
  },
  cacheEvictions: {
    name: 'llm_gateway_cache_evictions_total',
    kind: 'counter',
    unit: '{entry}',
    description: 'Entries evicted to make room for others.',
    labels: [],
  },
  cacheSaved: {
    name: 'llm_gateway_cache_saved_usd_total',
    kind: 'counter',
    unit: 'USD',
    description: 'Cost in USD that cache hits and shared calls have saved, for models whose price is known.',
    labels: [],
    divisor: 1e9,
  },
  cacheEntries: {
    name: 'llm_gateway_cache_entries',
    kind: 'gauge',
    unit: '{entry}',
    description: 'Entries in memory.',
    labels: [],
  },
  cacheBytes: {
    name: 'llm_gateway_cache_bytes',
    kind: 'gauge',
    unit: 'By',
    description: 'Estimated size of the entries in memory.',
    labels: [],
  },
  cacheHitRatio: {
    name: 'cache_hit_ratio',
    kind: 'gauge',
    unit: '1',
    description: 'Share of lookups that were hits since the process started, 0 to 1.',
    labels: [],
  },
  cacheHitRate: {
    name: 'llm_gateway_cache_hit_rate',
    kind: 'gauge',
    unit: '1',
    description: 'The same as cache_hit_ratio.',
    labels: [],
  },
  activeCalls: {
    name: 'llm_gateway_active_calls',
    kind: 'gauge',
    unit: '{call}',
    description: 'Calls that are under way.',
    labels: ['operation'],
  },
  keys: {
    name: 'llm_gateway_keys',
    kind: 'gauge',
    unit: '{key}',
    description: 'Keys of a provider, by state: available, cooling (for one model at least) or quarantined.',
    labels: ['provider', 'state'],
  },
  safetyLock: {
    name: 'llm_gateway_safety_lock',
    kind: 'gauge',
    unit: '{lock}',
    description: 'Whether calls of the provider go to its safety lock: 1 while it is rate limited with no key left.',
    labels: ['provider'],
  },
  diverted: {
    name: 'llm_gateway_safety_lock_diverted_total',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls of the provider that went to its safety lock.',
    labels: ['provider'],
  },
  gateActive: {
    name: 'llm_gateway_concurrency_active',
    kind: 'gauge',
    unit: '{call}',
    description: 'Upstream calls under way where max_concurrent limits them; the scope is a provider, or * for all.',
    labels: ['scope'],
  },
  gateQueued: {
    name: 'llm_gateway_concurrency_queued',
    kind: 'gauge',
    unit: '{call}',
    description: 'Upstream calls that wait because of max_concurrent.',
    labels: ['scope'],
  },
  gateRefused: {
    name: 'llm_gateway_concurrency_refused_total',
    kind: 'counter',
    unit: '{call}',
    description: 'Upstream calls refused because the queue was full or the wait too long.',
    labels: ['scope'],
  },
  overhead: {
    name: 'llm_gateway_overhead_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'Time of a call not spent waiting for providers or for its turn; of a stream, until its first token.',
    labels: ['operation'],
    boundaries: overheadBoundaries,
  },
  limitsReached: {
    name: 'llm_gateway_limits_reached_total',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls and attempts that exceeded a limit, by its scope, what it counts, and whether it was enforced.',
    labels: ['scope', 'limit', 'enforced'],
  },
  limitsLocal: {
    name: 'llm_gateway_limits_without_redis_total',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls and attempts whose limits were not counted in Redis, because it was unavailable.',
    labels: [],
  },
  ledgerUp: {
    name: 'llm_gateway_ledger_up',
    kind: 'gauge',
    unit: '1',
    description: 'Whether calls can be recorded and their records stored: 1 if so, 0 if not.',
    labels: [],
  },
  ledgerPending: {
    name: 'llm_gateway_ledger_pending_bytes',
    kind: 'gauge',
    unit: 'By',
    description: 'Bytes of the journal that are not in the database yet.',
    labels: [],
  },
  ledgerLag: {
    name: 'llm_gateway_ledger_lag_seconds',
    kind: 'gauge',
    unit: 's',
    description: 'Time since the database last had everything that is in the journal; 0 when it has.',
    labels: [],
  },
  ledgerRecords: {
    name: 'llm_gateway_ledger_records_total',
    kind: 'counter',
    unit: '{record}',
    description: 'Records that were stored in the database of the ledger.',
    labels: [],
  },
  ledgerSkipped: {
    name: 'llm_gateway_ledger_skipped_lines_total',
    kind: 'counter',
    unit: '{line}',
    description: 'Lines of the journal that were damaged, or that the database refuses. They were left out.',
    labels: [],
  },
  ledgerLost: {
    name: 'llm_gateway_ledger_lost_records_total',
    kind: 'counter',
    unit: '{record}',
    description: 'Records that were lost, because the journal could not be written and too many waited in memory.',
    labels: [],
  },
  redisUp: {
    name: 'llm_gateway_redis_up',
    kind: 'gauge',
    unit: '1',
    description: 'Whether Redis is available: 1 if it is, 0 if not.',
    labels: [],
  },
  redisFailures: {
    name: 'llm_gateway_redis_failures_total',
    kind: 'counter',
    unit: '{command}',
    description: 'Commands without a reply in time, or with an error reply.',
    labels: [],
  },
  refused: {
    name: 'llm_gateway_refused_total',
    kind: 'counter',
    unit: '{refusal}',
    description: 'Calls and connections that a server, grpc or http, refused or cut off, by cause.',
    labels: ['door', 'refusal'],
  },
  loopDelay: {
    name: 'llm_gateway_event_loop_delay_seconds',
    kind: 'gauge',
    unit: 's',
    description: 'Delay of the event loop. Calls are refused while it is too long.',
    labels: [],
  },
  spansDropped: {
    name: 'llm_gateway_spans_dropped_total',
    kind: 'counter',
    unit: '{span}',
    description: 'Spans lost because the collector was too slow or refused them.',
    labels: [],
  },
  logLinesDropped: {
    name: 'llm_gateway_log_lines_dropped_total',
    kind: 'counter',
    unit: '{line}',
    description: 'Log lines lost because standard output was not read fast enough.',
    labels: [],
  },
  budgetSpent: {
    name: 'llm_gateway_budget_spent_usd',
    kind: 'gauge',
    unit: 'USD',
    description: 'What calls that have ended cost in the current window. Of several subjects, the fullest is shown.',
    labels: ['budget', 'scope'],
  },
  budgetReserved: {
    name: 'llm_gateway_budget_reserved_usd',
    kind: 'gauge',
    unit: 'USD',
    description: 'What running calls may still cost.',
    labels: ['budget', 'scope'],
  },
  budgetLimit: {
    name: 'llm_gateway_budget_limit_usd',
    kind: 'gauge',
    unit: 'USD',
    description: 'The limit, with what operators added to it.',
    labels: ['budget', 'scope'],
  },
  budgetReset: {
    name: 'llm_gateway_budget_reset_timestamp_seconds',
    kind: 'gauge',
    unit: 's',
    description: 'When the window ends, in seconds since 1970; 0 for a budget without windows.',
    labels: ['budget', 'scope'],
  },
  budgetOverrun: {
    name: 'llm_gateway_budget_overrun_usd_total',
    kind: 'counter',
    unit: 'USD',
    description: 'Cost of responses beyond what budgets had reserved for them. It is counted in the budgets.',
    labels: ['provider', 'model'],
    divisor: 1e9,
  },
  alerts: {
    name: 'llm_gateway_alerts_total',
    kind: 'counter',
    unit: '{alert}',
    description: 'Alerts by what came of them: sent, failed (it will be tried again) or dropped. Event test for tests.',
    labels: ['event', 'receiver', 'outcome'],
  },
  genAiTokenUsage: {
    name: 'gen_ai.client.token.usage',
    kind: 'histogram',
    unit: '{token}',
    description: 'Number of input and output tokens used.',
    labels: [...genAiLabels, 'gen_ai.token.type'],
    boundaries: tokenBoundaries,
  },
  genAiRequestDuration: {
    name: 'gen_ai.server.request.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Provider request duration, to the last byte or the last output token.',
    labels: [...genAiLabels, 'error.type'],
    boundaries: durationBoundaries,
  },
  genAiTimeToFirstToken: {
    name: 'gen_ai.server.time_to_first_token',
    kind: 'histogram',
    unit: 's',
    description: 'Time to generate the first token of streamed responses that succeeded.',
    labels: genAiLabels,
    boundaries: firstTokenBoundaries,
  },
  genAiTimePerOutputToken: {
    name: 'gen_ai.server.time_per_output_token',
    kind: 'histogram',
    unit: 's',
    description: 'Time per output token after the first one, of streamed responses that succeeded.',
    labels: genAiLabels,
    boundaries: outputTokenBoundaries,
  },
} as const satisfies Record<string, Instrument>

/** The names of span attributes. https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ */
export const attributes = {
  rpcSystem: 'rpc.system',
  rpcService: 'rpc.service',
  rpcMethod: 'rpc.method',
  rpcStatusCode: 'rpc.grpc.status_code',
  errorType: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  httpStatusCode: 'http.response.status_code',
  userId: 'user.id',
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  responseId: 'gen_ai.response.id',
  finishReasons: 'gen_ai.response.finish_reasons',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  conversationId: 'gen_ai.conversation.id',
  requestId: 'llm_gateway.request.id',
  /** Followed by the name of one of the caller's labels. */
  label: 'llm_gateway.label.',
} as const
