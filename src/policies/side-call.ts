import type { Call } from '../domain/calls/call.ts'
import { ChildContext } from '../domain/calls/child-context.ts'
import {
  type Authenticated,
  type Billed,
  createCall,
  type Kept,
  type Observed,
  type Planned,
  type Shared,
  type Target,
} from '../domain/calls/facts.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/errors/error.ts'
import { foldChat } from '../domain/streams/fold.ts'
import type { Handler } from '../domain/streams/follow.ts'
import type { ChatEvent, ChatRequest, ChatResponse } from '../domain/types.ts'

/** A call that the gateway makes for another one. */
export type SideCall = Call<ChatRequest> & Observed & Authenticated & Planned & Billed & Shared & Kept

/** The call that it is made for. */
export type MainCall = Call & Observed & Authenticated & Billed

export interface SideQuestion {
  readonly request: ChatRequest
  readonly targets: readonly Target[]
  /** On the monotonic clock, in ms. */
  readonly deadline: number
}

/**
 * Makes a chat for another call, on the account of its caller: within the caller's limits and budgets, recorded in the
 * ledger under the id of the other call, and cancelled with it. It needs no right to the targets.
 */
export async function askSideCall(
  handler: Handler<SideCall, ChatEvent>,
  main: MainCall,
  { request, targets, deadline }: SideQuestion,
  clock: Clock,
): Promise<ChatResponse> {
  const { record, cancellation, requestId } = main.context
  const context = new ChildContext(main.context, record.child(), `${requestId}-side-${record.sideCalls.length + 1}`)
  context.deadline = deadline
  record.sideCalls.push(context.record)
  const call: SideCall = {
    ...createCall(main.operation, request, context),
    telemetry: main.telemetry,
    caller: main.caller,
    targets,
    bill: main.bill?.ofSideCall(),
    payers: undefined,
    session: undefined,
  }
  const late = new GatewayError('DEADLINE_EXCEEDED', 'A call that was made for this one took too long.')
  const stopTimer = clock.after(deadline - clock.now(), () => context.cancellation.cancel(late))
  cancellation.add(context.cancellation)
  try {
    return await foldChat(await handler(call))
  } finally {
    stopTimer()
    cancellation.remove(context.cancellation)
  }
}
