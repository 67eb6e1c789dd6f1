import { create } from '@bufbuild/protobuf'
import type { Call } from '../../src/domain/call.ts'
import { Cancellation } from '../../src/domain/cancellation.ts'
import type { Clock } from '../../src/domain/clock.ts'
import { EventStream } from '../../src/domain/event-stream.ts'
import {
  type Authenticated,
  createCall,
  type Observed,
  type Planned,
  type Routed,
  type Target,
} from '../../src/domain/facts.ts'
import type { Provider } from '../../src/domain/ports/provider.ts'
import { type ChatEvent, type ChatRequest, ChatRequestSchema } from '../../src/domain/types.ts'
import { silentTelemetry, testContext } from '../support/test-gateway.ts'

export type RoutedCall = Call<ChatRequest> & Observed & Authenticated & Planned & Routed

/** A target of which policies see the name and what is given here. */
export function targetOf(name: string, provider: Partial<Provider> = {}, more: Partial<Target> = {}): Target {
  return { provider: { name, ...provider } as Provider, model: 'm', defaults: {}, ...more }
}

/** A call on its way to the first of these targets, with a minute to go. */
export function routedCall(clock: Clock, targets: readonly Target[], caller = 'someone'): RoutedCall {
  const call = createCall('stream_chat', create(ChatRequestSchema), testContext(clock))
  const [target] = targets
  if (!target) throw new Error('a call needs a target')
  return {
    ...call,
    telemetry: silentTelemetry.begin(call),
    caller: { name: caller, admin: false },
    targets,
    target,
    firstEventBy: Number.POSITIVE_INFINITY,
    fallback: false,
    warnings: [],
  }
}

/** An answer that ends when the test says so. */
export function openStream(cancellation = new Cancellation()): EventStream<ChatEvent> {
  return new EventStream<ChatEvent>(cancellation, { pause() {}, resume() {}, cancel() {} })
}
