import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import { Cancellation } from '../../domain/cancellation.ts'
import { GatewayError, unsupported } from '../../domain/errors/error.ts'
import { textTokens } from '../../domain/estimate.ts'
import { holderOfContext } from '../../domain/limits/holder.ts'
import { costOf, nanoDollars } from '../../domain/money.ts'
import type { Ask, ModelFacts } from '../../domain/ports/provider.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { EmbedEvent } from '../../domain/streams/events.ts'
import { streamOf } from '../../domain/streams/stream-of.ts'
import type { Cost, Embedding, EmbedRequest, Usage } from '../../domain/types.ts'
import type { EmbedReply, EmbedWire, WireContext } from '../define.ts'
import { costOfUsage } from '../prices/usage.ts'
import { batchesOf } from './batches.ts'
import type { Connection } from './connection.ts'
import { fetchJson } from './fetch-json.ts'

/** Requests of one call that are under way at once. */
const PARALLEL_BATCHES = 4

/** The inputs of one upstream request and the response to it. Each is billed by the vendor on its own. */
interface Batch {
  readonly inputs: readonly string[]
  readonly reply: EmbedReply
  readonly usage: Usage
  readonly cost: Cost | undefined
}

/** What the requests of one call share. */
interface EmbedCall {
  readonly connection: Connection
  readonly wire: EmbedWire
  readonly wireContext: WireContext
  readonly ask: Ask<EmbedRequest>
  /** Facts of models when the call began. */
  readonly describe: (model: string) => ModelFacts
  /** Cancelled when the call is, and when one of its requests fails. */
  readonly cancellation: Cancellation
}

/**
 * One embedding call over HTTP: as few requests as the vendor allows, their vectors in the order of the inputs. When a
 * request fails, the call fails with the usage and the cost of those that were answered.
 */
export async function askEmbed(connection: Connection, ask: Ask<EmbedRequest>): Promise<EventStream<EmbedEvent>> {
  const { embed: wire } = connection.wire
  if (!wire) throw unsupported('model', `${connection.settings.name} offers no embeddings.`)
  const { context, attempt, model } = ask
  const describe = connection.catalogue.frozen(model)
  const answered: Batch[] = []
  try {
    const wireContext = connection.wireContext(ask)
    await askBatches({ connection, wire, wireContext, ask, describe, cancellation: new Cancellation() }, answered)
  } catch (thrown) {
    settle(attempt, answered)
    throw thrown
  }
  const { usage, cost } = settle(attempt, answered)
  context.record.succeed(attempt)
  const route = context.record.route(attempt, '', modelOf(answered))
  return streamOf<EmbedEvent>(context.cancellation, [
    { event: { case: 'embeddings', value: vectorsOf(answered) } },
    { event: { case: 'finish', value: { usage, cost, route } } },
  ])
}

/** Notes what the answered batches used and cost. Batches without a response leave holes in `answered`. */
function settle(attempt: AttemptRecord, answered: readonly Batch[]) {
  const batches = answered.filter(() => true)
  if (batches.length === 0) return {}
  const usage = joinUsage(batches)
  const cost = joinCosts(batches)
  attempt.usage = usage
  attempt.cost = cost
  return { usage, cost }
}

/** Sends all batches, a few at a time, and puts the answered ones in their place. The first failure ends the others. */
async function askBatches(call: EmbedCall, answered: Batch[]): Promise<void> {
  const { connection, wire, ask, cancellation } = call
  const { batchInputs = wire.limits.inputs, batchTokens = wire.limits.tokens } = connection.catalogue.overrides(
    ask.model,
  )
  const batches = batchesOf(ask.request.inputs, { inputs: batchInputs, tokens: batchTokens })
  ask.context.cancellation.add(cancellation)
  let next = 0
  const work = async () => {
    for (let index = next++; index < batches.length; index = next++) {
      if (index > 0) await ask.countRequest?.()
      cancellation.throwIfCancelled()
      answered[index] = await recordBatch(call, batches[index] ?? [])
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

/** Sends one batch, recorded before it is sent and when it has ended. */
async function recordBatch(call: EmbedCall, inputs: readonly string[]): Promise<Batch> {
  const { ask, describe, cancellation } = call
  const recorded = await ask.requests?.begin(inputs)
  const progress = new BatchProgress(ask.attempt)
  try {
    cancellation.throwIfCancelled()
    const reply = await askBatch(call, inputs, progress)
    const usage = usageOf(inputs, reply)
    const cost = costOfUsage(usage, ask.model, reply.model, describe)
    recorded?.answered(usage, cost)
    return { inputs, reply, usage, cost }
  } catch (thrown) {
    const error = GatewayError.from(thrown)
    const { sent, status } = progress
    recorded?.failed(error, { sent, status, isCancelled: cancellation.reason !== undefined })
    throw error
  }
}

async function askBatch(
  { connection, wire, wireContext, ask, cancellation }: EmbedCall,
  inputs: readonly string[],
  progress: BatchProgress,
): Promise<EmbedReply> {
  const { model, attempt, request, traceparent } = ask
  const encoded = wire.encode(request, inputs, wireContext)
  const post = connection.request('POST', encoded, attempt.keyId, traceparent)
  const { body, headers } = await fetchJson(connection, post, {
    model,
    timeout: ask.firstEventBy - connection.clock.now(),
    timeouts: ask.timeout,
    cancellation,
    attempt: progress,
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

/** How far one request came. What has happened to it has happened to its attempt, too. */
class BatchProgress {
  readonly #attempt: AttemptRecord
  #sent = false
  #status: number | undefined

  constructor(attempt: AttemptRecord) {
    this.#attempt = attempt
  }

  get sent(): boolean {
    return this.#sent
  }

  set sent(sent: boolean) {
    this.#sent = sent
    this.#attempt.sent ||= sent
  }

  get status(): number | undefined {
    return this.#status
  }

  set status(status: number | undefined) {
    this.#status = status
    this.#attempt.status = status
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

/** Usage that the vendor reports for a batch, or an estimate. */
function usageOf(inputs: readonly string[], { usage }: EmbedReply): Usage {
  if (usage?.input !== undefined && !usage.estimated) return usage
  const input = textTokens(inputs.reduce((sum, text) => sum + text.length, 0))
  return { $typeName: 'llmgateway.v1.Usage', input, total: input, estimated: true }
}

/** Sum over the batches; estimated if one of them is. */
function joinUsage(batches: readonly Batch[]): Usage {
  let input = 0
  let total: number | undefined = 0
  for (const { usage } of batches) {
    input += usage.input ?? 0
    total = usage.total === undefined || total === undefined ? undefined : total + usage.total
  }
  return {
    $typeName: 'llmgateway.v1.Usage',
    input,
    ...(total !== undefined && { total }),
    estimated: batches.some(({ usage }) => usage.estimated),
  }
}

/** Undefined if the cost of one batch is not known. */
function joinCosts(batches: readonly Batch[]): Cost | undefined {
  let [input, output] = [0, 0]
  for (const { cost } of batches) {
    if (!cost) return undefined
    input += nanoDollars(cost.inputUsd)
    output += nanoDollars(cost.outputUsd)
  }
  return costOf(
    { input, output },
    batches.some(({ cost }) => cost?.estimated),
  )
}

function modelOf(batches: readonly Batch[]): string {
  return batches.find(({ reply }) => reply.model)?.reply.model ?? ''
}
