import { hash } from 'node:crypto'

/** A tool call id that the vendor accepts: the id itself, or a short one made of it, the same for the same id. */
export function fittingCallId(id: string, accepted: RegExp | undefined): string {
  return accepted === undefined || accepted.test(id) ? id : hash('sha256', id, 'hex').slice(0, 9)
}
