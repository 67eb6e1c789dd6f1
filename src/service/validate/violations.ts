import { type FieldViolation, GatewayError } from '../../domain/error.ts'

/** Limit for violations in one error; further ones are not looked for. */
const MAX_VIOLATIONS = 20
/** Number of violations in the message; the details have all of them. */
const MAX_IN_MESSAGE = 3
/** Characters of a key that are repeated in an error. */
const MAX_KEY_LENGTH = 64

/** Collects what is wrong with a request, so that its sender can correct everything at once. */
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
