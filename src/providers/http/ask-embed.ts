import { Cancellation } from '../../domain/cancellation.ts'
import { GatewayError, unsupported } from '../../domain/errors/error.ts'
import { textTokens } from '../../domain/estimate.ts'
import { holderOfContext } from '../../domain/limits/holder.ts'
import type { Ask, ModelFacts } from '../../domain/ports/provider.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { EmbedEvent } from '../../domain/streams/events.ts'
import { streamOf } from '../../domain/streams/stream-of.ts'
import type { Embedding, EmbedRequest, Usage } from '../../domain/types.ts'
import type { EmbedReply, EmbedWire } from '../define.ts'
import { costOfUsage, withTotal } from '../prices/usage.ts'
import { batchesOf } from './batches.ts'
import type { Connection } from './connection.ts'
import { fetchJson } from './fetch-json.ts'

/** Requests of one call that are under way at once. */
const PARALLEL_BATCHES = 4

/** The inputs of one upstream request and the response to it. Each is billed by the vendor on its own. */
interface Batch {
  readonly inputs: readonly string[]
  readonly reply: EmbedReply
}

/**
 * One embedding call over HTTP: as few requests as the vendor allows, their vectors in the order of the inputs. When a
 * request fails, the call fails with the usage and the cost of those that were answered.
 */
export async function askEmbed(connection: Connection, ask: Ask<EmbedRequest>): Promise<EventStream<EmbedEvent>> {
  const { embed } = connection.wire
  const { name } = connection.settings
  if (!embed) throw unsupported('model', `${name} offers no embeddings.`)
  const { context, attempt } = ask
  const describe = connection.catalogue.frozen(ask.model)
  const answered: Batch[] = []
  try {
    await askBatches(connection, embed, ask, answered)
  } catch (thrown) {
    settle(describe, ask, answered)
    throw thrown
  }
  const { model, usage, cost } = settle(describe, ask, answered)
  context.record.succeed(attempt)
  return streamOf<EmbedEvent>(context.cancellation, [
    { event: { case: 'embeddings', value: vectorsOf(answered) } },
    { event: { case: 'finish', value: { usage, cost, route: context.record.route(attempt, '', model) } } },
  ])
}

/** Notes what the answered batches used and cost. Batches without a response leave holes in `answered`. */
function settle(describe: (model: string) => ModelFacts, { attempt }: Ask<EmbedRequest>, answered: readonly Batch[]) {
  const batches = answered.filter(() => true)
  const model = batches.find(({ reply }) => reply.model)?.reply.model ?? ''
  if (batches.length === 0) return { model }
  const usage = joinUsage(batches)
  const cost = costOfUsage(usage, attempt.model, model, describe)
  attempt.usage = usage
  attempt.cost = cost
  return { model, usage, cost }
}

/** Sends all batches, a few at a time, and puts the answered ones in their place. The first failure ends the others. */
async function askBatches(
  connection: Connection,
  wire: EmbedWire,
  ask: Ask<EmbedRequest>,
  answered: Batch[],
): Promise<void> {
  const { inputs } = ask.request
  const { batchInputs = wire.limits.inputs, batchTokens = wire.limits.tokens } = connection.catalogue.overrides(
    ask.model,
  )
  const batches = batchesOf(inputs, { inputs: batchInputs, tokens: batchTokens })
  const cancellation = new Cancellation()
  ask.context.cancellation.add(cancellation)
  const askBatch = batchAsker(connection, wire, ask, cancellation)
  let next = 0
  const work = async () => {
    for (let index = next++; index < batches.length; index = next++) {
      if (index > 0) await ask.countRequest?.()
      cancellation.throwIfCancelled()
      const part = batches[index] ?? []
      answered[index] = { inputs: part, reply: await askBatch(part) }
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(PARALLEL_BATCHES, batches.length) }, work))
  } catch (thrown) {
    const error = GatewayError.from(thrown)
    cancellation.cancel(error)
    throw error
  } finally {
    ask.context.cancellation.remove(cancellation)
  }
}

function batchAsker(connection: Connection, wire: EmbedWire, ask: Ask<EmbedRequest>, cancellation: Cancellation) {
  const { model, attempt, request, traceparent } = ask
  const wireContext = connection.wireContext(ask)
  return async (inputs: readonly string[]): Promise<EmbedReply> => {
    const encoded = wire.encode(request, inputs, wireContext)
    const post = connection.request('POST', encoded, attempt.keyId, traceparent)
    const { body, headers } = await fetchJson(connection, post, {
      model,
      timeout: ask.firstEventBy - connection.clock.now(),
      timeouts: ask.timeout,
      cancellation,
      attempt,
      holder: holderOfContext(ask.context),
      part: ask.request.userId,
    })
    const reply = decoded(wire, body, (malformed) => {
      const reported = connection.wire.readError(body)
      return reported ? connection.reported(model, reported, headers) : malformed.at(attempt.provider, model)
    })
    if (reply.vectors.length !== inputs.length || isOfOtherLength(reply, request)) throw connection.malformed(model)
    return reply
  }
}

/** Some servers ignore a field that they do not know. */
function isOfOtherLength({ vectors }: EmbedReply, { dimensions }: EmbedRequest): boolean {
  return dimensions !== undefined && vectors.some((vector) => vector.length !== dimensions)
}

/** A body without vectors may report a failure. */
function decoded(wire: EmbedWire, body: unknown, meaning: (malformed: GatewayError) => GatewayError): EmbedReply {
  try {
    return wire.decode(body)
  } catch (thrown) {
    throw meaning(GatewayError.from(thrown))
  }
}

function vectorsOf(batches: readonly Batch[]): Embedding[] {
  const embeddings: Embedding[] = []
  for (const { reply } of batches) {
    for (const values of reply.vectors) {
      embeddings.push({ $typeName: 'llmgateway.v1.Embedding', index: embeddings.length, values })
    }
  }
  return embeddings
}

/** Sum over the batches; estimated as a whole if one of them reports nothing. */
function joinUsage(batches: readonly Batch[]): Usage {
  let input = 0
  let total: number | undefined = 0
  for (const { usage } of batches.map(({ reply }) => reply)) {
    if (usage?.input === undefined || usage.estimated) return estimated(batches)
    input += usage.input
    total = usage.total === undefined || total === undefined ? undefined : total + usage.total
  }
  return withTotal({
    $typeName: 'llmgateway.v1.Usage',
    input,
    ...(total !== undefined && { total }),
    estimated: false,
  })
}

function estimated(batches: readonly Batch[]): Usage {
  const characters = batches.flatMap(({ inputs }) => inputs).reduce((sum, text) => sum + text.length, 0)
  const input = textTokens(characters)
  return { $typeName: 'llmgateway.v1.Usage', input, total: input, estimated: true }
}
