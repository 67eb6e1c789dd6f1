import { createHash } from 'node:crypto'
import { unsupported } from '../../../domain/errors/error.ts'
import { textTokens } from '../../../domain/estimate.ts'
import type { Ask, ModelFacts } from '../../../domain/ports/provider.ts'
import type { EventStream } from '../../../domain/streams/event-stream.ts'
import type { EmbedEvent } from '../../../domain/streams/events.ts'
import { streamOf } from '../../../domain/streams/stream-of.ts'
import type { Embedding, EmbedRequest, Usage } from '../../../domain/types.ts'
import { costOfUsage } from '../../prices/usage.ts'

const VECTOR_LENGTH = 768
const MAX_VECTOR_LENGTH = 8_192
const MAX_NUMBERS = 4_000_000

/** A vector of length 1 for each input. `describe` knows the prices that apply to it. */
export function embed(ask: Ask<EmbedRequest>, describe: (model: string) => ModelFacts): EventStream<EmbedEvent> {
  const { request, context, attempt } = ask
  const length = request.dimensions ?? VECTOR_LENGTH
  if (length > MAX_VECTOR_LENGTH || length * request.inputs.length > MAX_NUMBERS) {
    const limits = `at most ${MAX_VECTOR_LENGTH} in a vector, and ${MAX_NUMBERS} in all of a call`
    throw unsupported('dimensions', `the simulator makes ${limits}.`)
  }
  const embeddings: Embedding[] = request.inputs.map((input, index) => ({
    $typeName: 'llmgateway.v1.Embedding',
    index,
    values: unitVector(input, length),
  }))
  const input = textTokens(request.inputs.reduce((sum, text) => sum + text.length, 0))
  const usage: Usage = { $typeName: 'llmgateway.v1.Usage', input, total: input, estimated: false }
  const cost = costOfUsage(usage, ask.model, '', describe)
  context.record.succeed(attempt)
  return streamOf<EmbedEvent>(context.cancellation, [
    { event: { case: 'embeddings', value: embeddings } },
    { event: { case: 'finish', value: { usage, cost, route: context.record.route(attempt, '', ask.model) } } },
  ])
}

/** A vector of length 1, equal for equal texts. */
function unitVector(text: string, length: number): number[] {
  const seed = createHash('sha256').update(text).digest()
  // xorshift32, a short fixed sequence.
  let state = seed.readUInt32LE(0) | 1
  const values = Array.from({ length }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state / 2 ** 31
  })
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
  return values.map((value) => value / norm)
}
