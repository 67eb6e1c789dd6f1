import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { BatchChatRequestSchema } from '../gen/llmgateway/v1/batch_pb.js'
import { CacheMode } from '../gen/llmgateway/v1/cache_pb.js'
import { ChatRequestSchema } from '../gen/llmgateway/v1/chat_pb.js'
import { CompleteRequestSchema } from '../gen/llmgateway/v1/complete_pb.js'
import { EmbedRequestSchema } from '../gen/llmgateway/v1/embed_pb.js'
import { Role } from '../gen/llmgateway/v1/message_pb.js'
import type { Method } from './probe.ts'
import { BATCH_ITEMS, TEXT_EVENTS, VECTORS } from './servers/replies.ts'
import type { VariantName } from './world.ts'

/** One comparison, with the floor or with another gateway. */
export interface Row {
  readonly name: string
  /** The gateway that it is compared with; the floor if undefined. */
  readonly reference?: VariantName
  readonly method: Method
  readonly request: Uint8Array
  readonly gateway: VariantName
  /** Whether each call, or each of its items, asks the upstream. */
  readonly upstream: boolean
  /** What the cost is given for: a call, one of its events or one of its items. */
  readonly unit: 'call' | 'event' | 'item'
  /** How many items a call has, where the unit is one. */
  readonly items?: number
  /** The most that the gateway may cost, as a multiple of the reference. */
  readonly bar?: number
  /** The most bytes of each unit that may outlive the young generation: more means that something holds the calls. */
  readonly survivorsBar?: number
  /** Whether it is measured with one call in flight, too. */
  readonly latency?: boolean
  /** The most that 99 of 100 calls may then take, in ms. */
  readonly p99Bar?: number
  /** The least calls per second that the gateway must answer. */
  readonly rateBar?: number
  /** In a round. */
  readonly calls: number
  readonly connections: number
  /** Calls in flight on each connection. */
  readonly streams: number
}

/** A request that asks the vendor, with the usual settings. */
export const CHAT = 'Chat'

/** A request that the cache does not have, and whose response it stores. */
export const CHAT_MISS = 'Chat, missed and stored; every policy'

const question = 'What is the capital of France, and since when has it been that? Answer in one sentence.'
const saturated = { connections: 4, streams: 8 }

const upstreamChat = { method: 'Chat', request: chat('upstream/gpt-4o-mini', question), upstream: true } as const
const emptyChat = { method: 'Chat', request: chat('sim/echo', 'Hello'), upstream: false } as const
const manyCalls = { ...saturated, unit: 'call', calls: 12_000 } as const

export const rows: readonly Row[] = [
  {
    ...manyCalls,
    name: 'Chat, no upstream',
    method: 'Chat',
    request: chat('sim/echo', 'Hello'),
    gateway: 'usual',
    upstream: false,
    latency: true,
  },
  { ...manyCalls, ...upstreamChat, name: CHAT, gateway: 'usual', bar: 1.2, survivorsBar: 1000, latency: true },
  { ...manyCalls, ...upstreamChat, name: 'Chat, 1 % of traces', gateway: 'traced', bar: 1.2 },
  { ...manyCalls, ...upstreamChat, name: 'Chat, log level info', gateway: 'logging' },
  {
    ...manyCalls,
    name: 'Chat, cached; every policy',
    method: 'Chat',
    request: chat('sim/echo', 'Hello'),
    gateway: 'complete',
    upstream: false,
    bar: 1.5,
    latency: true,
    p99Bar: 1,
    rateBar: 10_000,
  },
  { ...manyCalls, ...emptyChat, name: 'Chat, cached in memory before Redis', gateway: 'hybrid' },
  { ...manyCalls, ...emptyChat, name: 'Chat, cached in Redis', gateway: 'redis' },
  { ...manyCalls, ...emptyChat, name: 'Chat, no upstream, limits in memory', gateway: 'limited' },
  { ...manyCalls, ...emptyChat, name: 'Chat, no upstream, limits in Redis', gateway: 'limitedInRedis' },
  { ...manyCalls, ...upstreamChat, name: 'Chat, ledger in SQLite', gateway: 'recorded' },
  {
    ...manyCalls,
    ...upstreamChat,
    name: 'Chat, budgets in memory',
    gateway: 'budgeted',
    reference: 'recorded',
    bar: 1.04,
    survivorsBar: 1000,
  },
  {
    ...manyCalls,
    ...upstreamChat,
    name: 'Chat, budgets in Redis',
    gateway: 'budgetedInRedis',
    reference: 'limitedAndRecorded',
    bar: 1.2,
  },
  {
    ...manyCalls,
    ...upstreamChat,
    name: CHAT_MISS,
    request: chat('upstream/gpt-4o-mini', question, CacheMode.REFRESH),
    gateway: 'complete',
    bar: 1.4,
  },
  {
    ...saturated,
    name: `StreamChat, ${TEXT_EVENTS} events at once`,
    method: 'StreamChat',
    request: chat('upstream/gpt-4o-mini', question),
    gateway: 'usual',
    upstream: true,
    unit: 'event',
    bar: 1.1,
    calls: 1600,
  },
  {
    name: `StreamChat, ${TEXT_EVENTS} events, one every 20 ms, 200 streams`,
    method: 'StreamChat',
    request: chat('paced/gpt-4o-mini', question),
    gateway: 'usual',
    upstream: true,
    unit: 'event',
    bar: 1.1,
    calls: 1000,
    connections: 4,
    streams: 50,
  },
  {
    ...manyCalls,
    name: 'Complete',
    method: 'Complete',
    request: complete('upstream/gpt-3.5-turbo-instruct'),
    gateway: 'usual',
    upstream: true,
    bar: 1.4,
    survivorsBar: 1000,
  },
  {
    ...saturated,
    name: `StreamComplete, ${TEXT_EVENTS} events at once`,
    method: 'StreamComplete',
    request: complete('upstream/gpt-3.5-turbo-instruct'),
    gateway: 'usual',
    upstream: true,
    unit: 'event',
    bar: 1.1,
    calls: 1600,
  },
  {
    name: `BatchChat, ${BATCH_ITEMS} items`,
    method: 'BatchChat',
    request: batch('upstream/gpt-4o-mini', question),
    gateway: 'usual',
    upstream: true,
    unit: 'item',
    items: BATCH_ITEMS,
    survivorsBar: 1000,
    calls: 400,
    // Equal requests of two batches at once would be asked once.
    connections: 1,
    streams: 1,
  },
  { ...embedRow('base64'), name: 'Embed, 100 vectors of 768, base64' },
  { ...embedRow('float'), name: 'Embed, 100 vectors of 768, numbers' },
]

function embedRow(provider: string): Omit<Row, 'name'> {
  const inputs = Array.from({ length: VECTORS }, (_, index) => `A passage of a document, number ${index}.`)
  return {
    method: 'Embed',
    request: toBinary(
      EmbedRequestSchema,
      create(EmbedRequestSchema, { model: `${provider}/text-embedding-3-small`, inputs }),
    ),
    gateway: 'usual',
    upstream: true,
    unit: 'call',
    calls: 200,
    connections: 4,
    streams: 2,
  }
}

function complete(model: string): Uint8Array {
  return toBinary(CompleteRequestSchema, create(CompleteRequestSchema, { model, prompt: question }))
}

/** Requests that differ: equal ones would be asked once. */
function batch(model: string, content: string): Uint8Array {
  const requests = Array.from({ length: BATCH_ITEMS }, (_, index) => ({
    model,
    messages: [{ role: Role.USER, content: `${content} Answer number ${index}.` }],
  }))
  return toBinary(BatchChatRequestSchema, create(BatchChatRequestSchema, { requests }))
}

function chat(model: string, content: string, mode?: CacheMode): Uint8Array {
  const request: MessageInitShape<typeof ChatRequestSchema> = {
    model,
    messages: [{ role: Role.USER, content }],
    ...(mode !== undefined && { cache: { mode } }),
  }
  return toBinary(ChatRequestSchema, create(ChatRequestSchema, request))
}
