import { GatewayError } from '../../domain/errors/error.ts'
import { type Code, codeOf, originOf } from '../../domain/errors/reasons.ts'
import type { KeyState } from '../../domain/ports/idempotency.ts'

/** Wait before a call that runs elsewhere is asked for again, in ms. */
const RETRY_AFTER = 1_000

/** What a caller causes, but not by its request alone: a repeat may find it otherwise, a cached answer for example. */
const MAY_PASS: readonly Code[] = ['CANCELLED', 'DEADLINE_EXCEEDED', 'NOT_FOUND']

/** Whether a failure is kept for repeats. What may pass, and what the gateway's own rules refuse, can be tried again. */
export function isKept({ reason }: GatewayError): boolean {
  return originOf(reason) === 'caller' && !MAY_PASS.includes(codeOf(reason))
}

/** Error of a call whose key cannot be had and has no result. */
export function refusalOf(state: Exclude<KeyState, { readonly state: 'free' | 'done' }>): GatewayError {
  switch (state.state) {
    case 'running':
      return keyIsRunning(state.callId)
    case 'reused':
      return keyIsReused()
    case 'not kept':
      return notKept(state.callId)
    default:
      return state satisfies never
  }
}

export function keyIsReused(): GatewayError {
  const message =
    'Another request has had this idempotency-key. Use a new key for each request, and the same one for its repeats only.'
  return new GatewayError('IDEMPOTENCY_KEY_REUSED', message)
}

export function keyIsRunning(callId: string): GatewayError {
  const message = `The call ${callId} with this idempotency-key is still running. Send it again later for its result.`
  return new GatewayError('IDEMPOTENCY_KEY_RUNNING', message, { retryAfter: RETRY_AFTER })
}

function notKept(callId: string): GatewayError {
  const message =
    `The call ${callId} with this idempotency-key has ended, and its result was too large to be kept. ` +
    'It is not run again: use a new key to ask once more.'
  return new GatewayError('RESULT_NOT_KEPT', message)
}
