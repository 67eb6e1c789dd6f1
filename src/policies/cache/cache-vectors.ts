import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Planned, Shared } from '../../domain/calls/facts.ts'
import { making, type Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import type { CacheAddress, CachedVector } from '../../domain/ports/cache.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { EmbedEvent } from '../../domain/streams/events.ts'
import { foldEmbed } from '../../domain/streams/fold.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import { streamOf } from '../../domain/streams/stream-of.ts'
import { type EmbedRequest, EmbedRequestSchema, type EmbedResponse } from '../../domain/types.ts'
import { type CacheParts, type CacheUse, notCached, take, useOf, withoutStore } from './cache-use.ts'
import { cacheAddress, decidingBytes } from './key.ts'
import { cachedFinish, savedBy, vectorsOf, withSaved } from './vectors.ts'

type Needs = Call<EmbedRequest> & Authenticated & Planned

/**
 * Stores the vector of each input: only inputs without a stored vector are sent, equal ones once. Without a cache only
 * calls that require it are refused.
 */
export function cacheVectors(cache: CacheParts | undefined, clock: Clock): Policy<Needs, Shared, EmbedEvent> {
  const parts = cache ?? withoutStore(clock)
  return making<Needs, EmbedEvent, Shared>((next) => (call) => {
    const use = useOf(parts, call, call.wishes.temperature)
    return use ? answer(parts, use, next, call) : next(call as typeof call & Shared) // calls are created without payers
  })
}

const INPUTS = EmbedRequestSchema.field.inputs.number

async function answer<C extends Needs>(
  parts: CacheParts,
  use: CacheUse,
  next: Handler<C & Shared, EmbedEvent>,
  call: C,
): Promise<EventStream<EmbedEvent>> {
  const { request, context } = call
  const addresses = addressesOf(call, use)
  const vectors = await known(parts, use, addresses)
  const saved = savedBy(vectors.values())
  const missing = new Map<CacheAddress['id'], { readonly address: CacheAddress; readonly input: string }>()
  addresses.forEach((address, index) => {
    if (!vectors.has(address.id)) missing.set(address.id, { address, input: request.inputs[index] ?? '' })
  })
  let finish = cachedFinish([...vectors.values()], context, saved)
  if (missing.size > 0) {
    if (!use.asks) throw notCached()
    const unknown = [...missing.values()]
    const inputs = unknown.map(({ input }) => input)
    const reply = await foldEmbed(await next({ ...call, payers: undefined, request: { ...request, inputs } }))
    const made = vectorsOf(reply, inputs)
    for (const [index, vector] of made.entries()) {
      const { address } = unknown[index] as (typeof unknown)[number] // one vector for each input
      vectors.set(address.id, vector)
      keep(parts, use, address, vector, reply)
    }
    finish = withSaved(reply, vectors.size > made.length ? saved : undefined)
  }
  const embeddings = addresses.map(({ id }, index) => ({
    $typeName: 'llmgateway.v1.Embedding' as const,
    index,
    values: vectors.get(id)?.values ?? [],
  }))
  return streamOf<EmbedEvent>(context.cancellation, [
    { event: { case: 'embeddings', value: embeddings } },
    { event: { case: 'finish', value: finish } },
  ])
}

function addressesOf(call: Needs, { namespace }: CacheUse): CacheAddress[] {
  const { request, caller, targets, context } = call
  const question = { kind: 'embed', caller: caller.id, holder: holderOf(call), namespace, targets } as const
  const common = [...decidingBytes(context.requestBytes, INPUTS), Buffer.from('\0')]
  return request.inputs.map((input) => cacheAddress(question, [...common, Buffer.from(input)]))
}

/** Stored vectors by the ids of their addresses. */
async function known(parts: CacheParts, use: CacheUse, addresses: readonly CacheAddress[]) {
  const vectors = new Map<CacheAddress['id'], CachedVector>()
  const found = await Promise.all(addresses.map((address) => take(parts, use, address)))
  for (const [index, kept] of found.entries()) {
    const id = addresses[index]?.id ?? ''
    if (kept?.answer.kind === 'vector') {
      vectors.set(id, kept.answer.vector)
      parts.observer.hit(kept.answer.vector.usd)
    } else if (use.takes) parts.observer.miss()
  }
  return vectors
}

function keep(
  { store, clock }: CacheParts,
  use: CacheUse,
  address: CacheAddress,
  vector: CachedVector,
  { route }: EmbedResponse,
): void {
  const ttl = route?.fallbackUsed ? use.fallbackTtl : use.ttl
  if (ttl <= 0) return
  const bytes = 200 + 8 * vector.values.length
  store.set(address, { answer: { kind: 'vector', vector }, storedAt: clock.wall(), bytes }, ttl)
}
