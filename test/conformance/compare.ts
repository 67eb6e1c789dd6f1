import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { EnsureModelState, FinishReason, type Message, type ToolCall, type Usage } from '../../src/domain/types.ts'
import type { Outcome } from './ask.ts'
import { type Case, type Expected, type ExpectedCall, modelIds } from './cases.ts'
import { reasonsFor } from './reasons.ts'

/** What differs between what a case expects and what the gateway made of it. */
export function compare(recorded: Case, outcome: Outcome, local: boolean): string[] {
  const differences = new Differences()
  if (isNoAnswer(recorded.expected)) {
    differences.check('reason', 'UPSTREAM_MALFORMED', outcome.error?.reason)
    return differences.found
  }
  const { result } = recorded.expected
  if (result === 'error' || result === 'stream_error') compareError(recorded, outcome, local, differences)
  else if (outcome.error)
    differences.add('status', 'OK', `${outcome.error.code} ${outcome.error.reason}: ${outcome.error.message}`)
  if (differences.found.length > 0) return differences.found
  const isText = result === 'chat' || result === 'completion'
  if (isText || result === 'stream_error') compareAnswer(recorded, outcome, differences)
  if (isText) compareFinish(recorded.expected, outcome, differences)
  if (isText || result === 'embeddings') compareUsage(recorded.expected, outcome.usage, differences)
  if (result === 'embeddings') compareVectors(recorded.expected, outcome, differences)
  if (result === 'pull') comparePull(recorded.expected, outcome, differences)
  if (result === 'models') differences.check('models', modelIds(recorded.expected), outcome.models)
  return differences.found
}

/** Reasons of vendors that say that the model itself failed. */
const modelFailures: readonly unknown[] = ['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'malformed_model_output']

/** The gateway asks the next target where a recording holds nothing, without a reason or because the model failed. */
function isNoAnswer({ result, finish_reason: finish, ...rest }: Expected): boolean {
  const { text, reasoning, refusal, tool_calls: calls = [], prompt_block_reason: blocked } = rest
  if (result !== 'chat' || text || reasoning || refusal || calls.length > 0 || blocked) return false
  return !finish?.raw || modelFailures.includes(finish.raw)
}

class Differences {
  readonly found: string[] = []

  add(what: string, expected: unknown, got: unknown): void {
    this.found.push(`${what}: expected ${show(expected)}, got ${show(got)}`)
  }

  check(what: string, expected: unknown, got: unknown): void {
    if (!isDeepStrictEqual(expected, got)) this.add(what, expected, got)
  }
}

function show(value: unknown): string {
  const text = typeof value === 'string' && value.includes(' ') ? value : (JSON.stringify(value) ?? 'nothing')
  return text.length > 300 ? `${text.slice(0, 300)}... (${text.length} characters)` : text
}

function compareError(
  { api, expected }: Case,
  { error, chat }: Outcome,
  local: boolean,
  differences: Differences,
): void {
  if (!expected.error) throw new Error('an error case without an error')
  const { category, status, retry_after_seconds: retryAfter } = expected.error
  const allowed = reasonsFor(category, { status, local, partial: expected.result === 'stream_error' })
  if (!error) {
    differences.add('error', Object.fromEntries(allowed), chat?.message?.content ?? 'OK')
    return
  }
  if (!allowed.some(([reason, code]) => reason === error.reason && code === error.code)) {
    differences.add('error', Object.fromEntries(allowed), { [String(error.reason)]: error.code })
  }
  // The recorded status of an error inside a good reply is the body's, not the reply's. A pull has no attempts.
  if (expected.result === 'error' && api !== 'pull') {
    const attempt = error.detail?.attempts.at(-1)
    if (attempt?.status !== 200) differences.check('attempt status', status, attempt?.status)
  }
  if (typeof retryAfter === 'number')
    differences.check('RetryInfo in ms', Math.round(retryAfter * 1000), error.retryAfter)
}

function compareAnswer({ api, expected }: Case, { chat }: Outcome, differences: Differences): void {
  const message = chat?.message
  const reasoning = message?.reasoning ?? []
  const calls = message?.toolCalls ?? []
  differences.check('text', expected.text ?? '', message?.content ?? '')
  // A completion is its text alone.
  const thought = expected.result === 'completion' ? '' : (expected.reasoning ?? '')
  differences.check('reasoning', thought, reasoning.map(({ text }) => text).join(''))
  differences.check('refusal', expected.refusal ?? '', message?.refusal ?? '')
  const signed = [...reasoning, ...calls, ...(message?.parts ?? [])].filter(({ signature }) => signature !== '').length
  if (expected.reasoning_signatures !== undefined)
    differences.check('signatures', expected.reasoning_signatures, signed)
  const redacted = reasoning.filter((block) => block.redacted !== '').length
  differences.check('redacted blocks', expected.redacted_reasoning_blocks ?? 0, redacted)
  compareCalls(expected.tool_calls ?? [], calls, api, differences)
  if (api === 'responses') compareExtras(expected, message, differences)
}

function compareCalls(
  expected: readonly ExpectedCall[],
  calls: readonly ToolCall[],
  api: string,
  differences: Differences,
): void {
  differences.check('tool calls', expected.length, calls.length)
  for (const [index, call] of calls.entries()) {
    const wanted = expected[index]
    if (!wanted) continue
    differences.check(`tool call ${index} id`, wanted.id || `call_${index}`, call.id)
    differences.check(`tool call ${index} name`, wanted.name, call.name)
    if (!sameArguments(wanted, call.arguments, api)) {
      differences.add(`tool call ${index} arguments`, wanted.arguments, call.arguments)
    }
  }
}

function compareExtras(
  { annotations = [], images = [] }: Expected,
  message: Message | undefined,
  differences: Differences,
) {
  const sources = annotations.map(({ url = '', filename = '' }) => url || filename)
  differences.check(
    'citations',
    sources,
    (message?.citations ?? []).map(({ url, title }) => url || title),
  )
  const drawn = (message?.parts ?? []).flatMap(({ content }) =>
    content.case === 'image' && content.value.source.case === 'data' ? [content.value.source.value] : [],
  )
  differences.check(
    'images',
    images.map(({ sha256 }) => sha256),
    drawn.map((bytes) => createHash('sha256').update(bytes).digest('hex')),
  )
}

/** Texts must be the same to the letter; where a wire has objects there is no such letter. */
function sameArguments(expected: ExpectedCall, got: string, api: string): boolean {
  // A call that was recorded without arguments has an empty object of them.
  if (got === (expected.arguments || '{}')) return true
  return (
    api !== 'openai-chat' &&
    api !== 'responses' &&
    got !== '' &&
    isDeepStrictEqual(JSON.parse(got), expected.arguments_json)
  )
}

function compareFinish(
  { finish_reason: reason, prompt_block_reason: blocked, id, model }: Expected,
  { chat }: Outcome,
  differences: Differences,
): void {
  differences.check('raw finish reason', reason?.raw ?? blocked ?? '', chat?.rawFinishReason)
  const promoted = reason?.mapped === 'stop' && (chat?.message?.toolCalls.length ?? 0) > 0
  const mapped = promoted ? 'tool_calls' : (reason?.mapped ?? 'other')
  differences.check('finish reason', mapped, FinishReason[chat?.finishReason ?? 0]?.toLowerCase())
  differences.check('upstream id', id ?? '', chat?.route?.upstreamId)
  differences.check('model', model ?? '', chat?.route?.responseModel)
}

const usageFields = [
  ['input', 'input'],
  ['output', 'output'],
  ['cached_input', 'cachedInput'],
  ['cache_write', 'cacheWrite'],
  ['reasoning', 'reasoning'],
  ['total', 'total'],
] as const

/** What was not reported is absent, or marked as an estimate; a total may be computed. */
function compareUsage({ usage: expected }: Expected, usage: Usage | undefined, differences: Differences): void {
  const computed = (usage?.input ?? 0) + (usage?.output ?? 0)
  for (const [field, name] of usageFields) {
    const wanted = expected?.[field] ?? undefined
    const got = usage?.[name]
    const mayBeOurs = wanted === undefined && (usage?.estimated || (name === 'total' && got === computed))
    if (wanted !== got && !mayBeOurs) differences.add(`usage ${field}`, wanted, got)
  }
}

/** The gateway adds a state of its own in front, while it looks whether the model is there. */
function comparePull(
  { statuses = [], layers = [] }: Expected,
  { pulled = [] }: Outcome,
  differences: Differences,
): void {
  const seen = pulled.slice(1).map(({ status }) => status)
  differences.check(
    'statuses',
    statuses,
    seen.filter((status, index) => status !== seen[index - 1]),
  )
  const total = layers.reduce((sum, layer) => sum + layer.total, 0)
  const { state, doneBytes, totalBytes, percent } = pulled.at(-1) ?? {}
  differences.check(
    'end',
    [EnsureModelState.READY, BigInt(total), BigInt(total), 100].join(),
    [state, doneBytes, totalBytes, percent].join(),
  )
}

function compareVectors(
  { embeddings, model }: Expected,
  { vectors = [], responseModel }: Outcome,
  differences: Differences,
): void {
  if (!embeddings) throw new Error('an embeddings case without embeddings')
  differences.check('vectors', embeddings.count, vectors.length)
  differences.check('model', model ?? '', responseModel)
  for (const [index, vector] of vectors.entries()) {
    differences.check(`dimensions of vector ${index}`, embeddings.dimensions, vector.length)
    const first = embeddings.first_values[index] ?? []
    const beginning = vector.slice(0, first.length)
    if (!first.every((value, at) => isClose(value, beginning[at], 1e-6))) {
      differences.add(`beginning of vector ${index}`, first, beginning)
    }
    const sum = vector.reduce((total, value) => total + value, 0)
    if (!isClose(embeddings.sums[index] ?? Number.NaN, sum, 1e-4))
      differences.add(`sum of vector ${index}`, embeddings.sums[index], sum)
  }
}

function isClose(expected: number, got: number | undefined, tolerance: number): boolean {
  return got !== undefined && Math.abs(expected - got) <= tolerance * Math.max(1, Math.abs(expected))
}
