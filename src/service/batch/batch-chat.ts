import type { CallContext } from '../../domain/calls/call.ts'
import { invalid } from '../../domain/errors/error.ts'
import { holderOfAnyone } from '../../domain/limits/holder.ts'
import type { Authenticator } from '../../domain/ports/authenticator.ts'
import { eachField } from '../../domain/proto-fields.ts'
import { type BatchChatRequest, BatchChatRequestSchema, type BatchChatResult } from '../../domain/types.ts'
import type { StreamMethod } from '../method-types.ts'
import { Batch, type BatchItem, type BatchOptions } from './batch.ts'
import { CallerPlaces } from './caller-places.ts'
import type { BatchSettings } from './settings.ts'

const MAX_REQUESTS = 1_000

export interface BatchChatOptions extends Omit<BatchOptions, 'places'>, BatchSettings {
  readonly authenticator: Authenticator
}

/** Processes each request of a batch as a call of its own. */
export function createBatchChat(options: BatchChatOptions): StreamMethod<BatchChatRequest, BatchChatResult> {
  const batchOptions = { ...options, places: new CallerPlaces(options.parallelPerCaller) }
  return async (request, context) => {
    const caller = await options.authenticator.identify(context)
    context.record.identify(caller)
    const items = itemsOf(request, context)
    const { idempotencyKey } = context
    context.cancellation.throwIfCancelled()
    const parallel = request.parallel === 0 ? options.parallel : Math.min(request.parallel, options.parallel)
    const holder = holderOfAnyone(caller, context.peer)
    return new Batch({ items, parallel, context, caller, holder, idempotencyKey }, batchOptions).events
  }
}

/** Throws INVALID_REQUEST. */
function itemsOf({ requests }: BatchChatRequest, { requestBytes }: CallContext): readonly BatchItem[] {
  if (requests.length === 0) throw invalid('requests', 'must have at least one request')
  if (requests.length > MAX_REQUESTS) throw invalid('requests', `must not have more than ${MAX_REQUESTS} requests`)
  const all: Uint8Array[] = []
  const { number } = BatchChatRequestSchema.field.requests
  const bytes = requestBytes
  eachField(bytes, (field, _start, value, end) => {
    if (field === number) all.push(bytes.subarray(value, end))
  })
  return requests.map((request, index) => ({ request, bytes: all[index] as Uint8Array })) // one field for each
}
