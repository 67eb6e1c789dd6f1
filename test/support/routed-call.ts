import { create } from '@bufbuild/protobuf'
import type { Call } from '../../src/domain/calls/call.ts'
import {
  type Authenticated,
  type Billed,
  createCall,
  type Kept,
  type Observed,
  type Planned,
  type Routed,
  type Target,
} from '../../src/domain/calls/facts.ts'
import type { Clock } from '../../src/domain/clock.ts'
import type { Provider } from '../../src/domain/ports/provider.ts'
import { type ChatRequest, ChatRequestSchema } from '../../src/domain/types.ts'
import { callerNamed } from './caller.ts'
import { silentTelemetry, testContext } from './test-gateway.ts'

export type RoutedCall = Call<ChatRequest> & Observed & Authenticated & Planned & Billed & Kept & Routed

/** A target of which policies see the name and what is given here. */
export function targetOf(name: string, provider: Partial<Provider> = {}, more: Partial<Target> = {}): Target {
  return {
    provider: { name, describe: () => ({}), ...provider } as Provider, // what policies look at, without a vendor
    model: 'm',
    defaults: {},
    ...more,
  }
}

export interface RoutedCallOptions {
  readonly caller?: string
  /** Until the deadline, in ms. */
  readonly left?: number
  /** Until the first event must be in hand, in ms. */
  readonly firstEvent?: number
  readonly request?: ChatRequest
}

/** A streamed chat on its way to the first of these targets. */
export function routedCall(
  clock: Clock,
  targets: readonly Target[] = [targetOf('house')],
  {
    caller = 'someone',
    left = 60_000,
    firstEvent = Number.POSITIVE_INFINITY,
    request = create(ChatRequestSchema),
  }: RoutedCallOptions = {},
): RoutedCall {
  const context = testContext(clock, { deadline: clock.now() + left })
  const call = createCall('stream_chat', request, context)
  const [target] = targets
  if (!target) throw new Error('a call needs a target')
  return {
    ...call,
    telemetry: silentTelemetry.begin(call),
    caller: callerNamed(caller),
    targets,
    session: undefined,
    bill: undefined,
    target,
    firstEventBy: clock.now() + firstEvent,
    fallback: false,
    warnings: [],
  }
}
