import { type FieldViolation, GatewayError } from '../../domain/errors/error.ts'

/** Limit for violations in one error; any beyond it are not reported. */
const MAX_VIOLATIONS = 20
/** Limit for violations in the error's message; the error's details have all of them. */
const MAX_IN_MESSAGE = 3
/** Limit for the characters of a map key that are quoted in an error. */
const MAX_KEY_LENGTH = 64

/** Collects everything that is wrong with a request, so that the client can correct it all in one step. */
export class Violations {
  readonly #found: FieldViolation[] = []

  /** Whether further violations would be ignored. */
  get full(): boolean {
    return this.#found.length >= MAX_VIOLATIONS
  }

  /** `field` as in `messages[2].parts[0].image`; `description` never repeats a value. */
  add(field: string, description: string): void {
    if (!this.full) this.#found.push({ field, description })
  }

  /** Throws INVALID_REQUEST with every violation. */
  throwIfAny(): void {
    if (this.#found.length === 0) return
    const reported = this.#found.slice(0, MAX_IN_MESSAGE).map(({ field, description }) => `${field}: ${description}`)
    const more = this.#found.length - reported.length
    const message = reported.join('; ') + (more > 0 ? `; and ${more} more, see the details` : '')
    throw new GatewayError('INVALID_REQUEST', message, { fields: this.#found })
  }
}

/** The path of a map's entry, as in `labels["team"]`. */
export function entry(map: string, key: string): string {
  return `${map}[${JSON.stringify(key.slice(0, MAX_KEY_LENGTH).toWellFormed())}]`
}

/** Whether a text takes more than `bytes` bytes in UTF-8. */
export function longerThan(bytes: number, text: string): boolean {
  if (text.length > bytes) return true
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes
}
