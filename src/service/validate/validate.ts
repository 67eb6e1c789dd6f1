import type { AnyRequest, TextRequest } from '../../domain/calls/call.ts'
import { type ChatRequest, type CompleteRequest, ContextOverflow, type EmbedRequest } from '../../domain/types.ts'
import { checkCache } from './cache.ts'
import { checkId, MAX_ID_LENGTH } from './id.ts'
import { checkJsonTexts } from './json-texts.ts'
import { checkMessages } from './message.ts'
import { checkProviderOptions, isDangerousKey, ownedByChat, ownedByComplete, ownedByEmbed } from './options.ts'
import { checkReasoning, checkResponseFormat, checkToolChoice, checkTools } from './tools.ts'
import { entry, longerThan, Violations } from './violations.ts'

const MAX_STOPS = 16
const MAX_USD = 1_000_000
const MAX_FALLBACKS = 16
const MAX_INPUTS = 16_384
const MAX_LABELS = 32
/** Limit for user_id, session_id and the keys and values of labels in bytes. */
const MAX_MARK_LENGTH = 256
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)
/** Limit for numbers of tokens, which every vendor accepts. */
const MAX_INT32 = 2 ** 31 - 1

/** Throws INVALID_REQUEST with up to 20 violations, each with its field. Does not change the request. */
export function validateChat(request: ChatRequest): void {
  const found = new Violations()
  // First, because the checks of tools parse them.
  checkJsonTexts(request, found)
  found.throwIfAny()
  checkMessages(request.messages, found)
  checkSampling(request, found)
  checkTools(request.tools, found)
  if (request.toolChoice) checkToolChoice(request.toolChoice, request.tools, found)
  if (request.responseFormat) checkResponseFormat(request.responseFormat, found)
  if (request.reasoning) checkReasoning(request.reasoning, found)
  checkRouting(request, found)
  if (!(request.contextOverflow in ContextOverflow)) found.add('context_overflow', 'must be a known value')
  checkShared(request, ownedByChat, found)
  found.throwIfAny()
}

/** Throws INVALID_REQUEST with up to 20 violations, each with its field. Does not change the request. */
export function validateComplete(request: CompleteRequest): void {
  const found = new Violations()
  if (request.prompt === '' && request.suffix === '') found.add('prompt', 'must not be empty')
  checkSampling(request, found)
  checkRouting(request, found)
  checkShared(request, ownedByComplete, found)
  found.throwIfAny()
}

/** Throws INVALID_REQUEST with up to 20 violations, each with its field. Does not change the request. */
export function validateEmbed(request: EmbedRequest): void {
  const found = new Violations()
  checkInputs(request.inputs, found)
  checkRanges(embedRanges, request, found)
  checkShared(request, ownedByEmbed, found)
  found.throwIfAny()
}

/** A range that a number of the request must be in. NaN is in no range. */
interface Range<R> {
  readonly field: string
  readonly rule: string
  /** Undefined if the request does not set the number. */
  holds(request: R): boolean | undefined
}

function range<R>(
  field: string,
  rule: string,
  read: (request: R) => number | undefined,
  within: (value: number) => boolean,
): Range<R> {
  return {
    field,
    rule,
    holds(request) {
      const value = read(request)
      return value === undefined ? undefined : within(value)
    },
  }
}

const samplingRanges: readonly Range<TextRequest>[] = [
  range(
    'temperature',
    'must be 0 to 2',
    (r) => r.temperature,
    (value) => value >= 0 && value <= 2,
  ),
  range(
    'top_p',
    'must be above 0 and at most 1',
    (r) => r.topP,
    (value) => value > 0 && value <= 1,
  ),
  range(
    'top_k',
    'must be at least 1',
    (r) => r.topK,
    (value) => value >= 1,
  ),
  range(
    'max_tokens',
    'must be 1 to 2147483647',
    (r) => r.maxTokens,
    (value) => value >= 1 && value <= MAX_INT32,
  ),
  range(
    'frequency_penalty',
    'must be -2 to 2',
    (r) => r.frequencyPenalty,
    (value) => value >= -2 && value <= 2,
  ),
  range(
    'presence_penalty',
    'must be -2 to 2',
    (r) => r.presencePenalty,
    (value) => value >= -2 && value <= 2,
  ),
  {
    field: 'seed',
    rule: 'must be -(2^53-1) to 2^53-1',
    holds: ({ seed }) => (seed === undefined ? undefined : seed >= -MAX_SAFE && seed <= MAX_SAFE),
  },
]

const embedRanges: readonly Range<EmbedRequest>[] = [
  range(
    'dimensions',
    'must be at least 1',
    (r) => r.dimensions,
    (value) => value >= 1,
  ),
]

function checkSampling(request: TextRequest, found: Violations): void {
  checkRanges(samplingRanges, request, found)
  checkStops(request.stop, found)
}

function checkRouting({ fallbackModels, taskType }: TextRequest, found: Violations): void {
  checkFallbacks(fallbackModels, found)
  if (longerThan(MAX_ID_LENGTH, taskType)) found.add('task_type', `must not exceed ${MAX_ID_LENGTH} bytes`)
}

function checkRanges<R>(ranges: readonly Range<R>[], request: R, found: Violations): void {
  for (const range of ranges) {
    if (range.holds(request) === false) found.add(range.field, range.rule)
  }
}

function checkStops(stops: readonly string[], found: Violations): void {
  if (stops.length > MAX_STOPS) found.add('stop', `must not have more than ${MAX_STOPS} texts`)
  else checkNoneEmpty('stop', stops, found)
}

function checkInputs(inputs: readonly string[], found: Violations): void {
  if (inputs.length === 0) found.add('inputs', 'must have at least one text')
  else if (inputs.length > MAX_INPUTS) found.add('inputs', `must not have more than ${MAX_INPUTS} texts`)
  else checkNoneEmpty('inputs', inputs, found)
}

function checkNoneEmpty(field: string, texts: readonly string[], found: Violations): void {
  for (let index = 0; index < texts.length && !found.full; index++) {
    if (texts[index] === '') found.add(`${field}[${index}]`, 'must not be empty')
  }
}

function checkFallbacks(models: readonly string[], found: Violations): void {
  if (models.length > MAX_FALLBACKS) {
    found.add('fallback_models', `must not have more than ${MAX_FALLBACKS} models`)
    return
  }
  checkNoneEmpty('fallback_models', models, found)
  for (const [index, model] of models.entries()) checkId(`fallback_models[${index}]`, model, found)
}

/** Adds what is wrong with the fields that all kinds of request have. */
function checkShared(request: AnyRequest, owned: ReadonlySet<string>, found: Violations): void {
  checkId('model', request.model, found)
  checkId('provider', request.provider, found)
  checkProviderOptions(request.providerOptions, owned, found)
  if (longerThan(MAX_MARK_LENGTH, request.userId)) found.add('user_id', `must not exceed ${MAX_MARK_LENGTH} bytes`)
  if (longerThan(MAX_MARK_LENGTH, request.sessionId))
    found.add('session_id', `must not exceed ${MAX_MARK_LENGTH} bytes`)
  checkLabels(request.labels, found)
  if (request.cache) checkCache(request.cache, found)
  checkMaxCost(request.maxCostUsd, found)
}

function checkMaxCost(usd: number | undefined, found: Violations): void {
  if (usd !== undefined && !(usd >= 0 && usd <= MAX_USD)) found.add('max_cost_usd', `must be 0 to ${MAX_USD}`)
}

function checkLabels(labels: Readonly<Record<string, string>>, found: Violations): void {
  const keys = Object.keys(labels)
  if (keys.length > MAX_LABELS) {
    found.add('labels', `must not have more than ${MAX_LABELS} entries`)
    return
  }
  for (const key of keys) {
    if (isDangerousKey(key)) found.add(entry('labels', key), 'must have another key')
    else if (longerThan(MAX_MARK_LENGTH, key)) found.add('labels', `must have keys of at most ${MAX_MARK_LENGTH} bytes`)
    else if (longerThan(MAX_MARK_LENGTH, labels[key] ?? '')) {
      found.add(entry('labels', key), `must not exceed ${MAX_MARK_LENGTH} bytes`)
    }
  }
}
