import type { Caller } from '../../src/domain/calls/call.ts'
import { callerId } from '../../src/domain/calls/caller-id.ts'

/** A caller with an API key of this name. */
export function callerNamed(name: string, more: Partial<Caller> = {}): Caller {
  return { id: callerId('key', name), name, admin: false, ...more }
}
