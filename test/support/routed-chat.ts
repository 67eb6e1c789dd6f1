import { create } from '@bufbuild/protobuf'
import type { Call } from '../../src/domain/call.ts'
import type { Clock } from '../../src/domain/clock.ts'
import {
  type Authenticated,
  createCall,
  type Observed,
  type Planned,
  type Routed,
  type Target,
} from '../../src/domain/facts.ts'
import type { Provider } from '../../src/domain/ports/provider.ts'
import { type ChatRequest, ChatRequestSchema } from '../../src/domain/types.ts'
import { silentTelemetry, testContext } from './test-gateway.ts'

export type RoutedChat = Call<ChatRequest> & Observed & Authenticated & Planned & Routed

/** A target that nobody asks. */
export function targetNamed(provider: string, model = 'm'): Target {
  // Only its name and what it knows of models are looked at.
  return { provider: { name: provider, describe: () => ({}) } as unknown as Provider, model, defaults: {} }
}

export interface RateLimits {
  /** Until the deadline, in ms. */
  readonly left?: number
  /** Until the first event must be in hand, in ms. */
  readonly firstEvent?: number
}

/** A streamed chat on its way to its one target. */
export function routedChat(
  clock: Clock,
  { left = 600_000, firstEvent = Number.POSITIVE_INFINITY }: RateLimits = {},
): RoutedChat {
  const target = targetNamed('house')
  const call = createCall(
    'stream_chat',
    create(ChatRequestSchema),
    testContext(clock, { deadline: clock.now() + left }),
  )
  return {
    ...call,
    telemetry: silentTelemetry.begin(call),
    caller: { name: 'web', admin: false },
    targets: [target],
    target,
    firstEventBy: clock.now() + firstEvent,
    fallback: false,
    warnings: [],
  }
}
