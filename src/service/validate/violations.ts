import { type FieldViolation, GatewayError } from '../../domain/error.ts'

/** More are not looked for: who sends so many has to look at the first ones anyway. */
const MOST = 20
/** That many are told in the message, all of them in the details. */
const TOLD = 3
/** More of a key that the caller chose is not repeated. */
const MAX_KEY_LENGTH = 64

/** Collects what is wrong with a request, so that its sender can put it all right at once. */
export class Violations {
  readonly #found: FieldViolation[] = []

  /** Whether nothing more will be taken, so that looking further is vain. */
  get full(): boolean {
    return this.#found.length >= MOST
  }

  /** `field` as in `messages[2].parts[0].image`; `description` never repeats a value. */
  add(field: string, description: string): void {
    if (!this.full) this.#found.push({ field, description })
  }

  /** Throws INVALID_REQUEST with every violation. */
  throwIfAny(): void {
    if (this.#found.length === 0) return
    const reported = this.#found.slice(0, TOLD).map(({ field, description }) => `${field}: ${description}`)
    const more = this.#found.length - reported.length
    const message = reported.join('; ') + (more > 0 ? `; and ${more} more, see the details` : '')
    throw new GatewayError('INVALID_REQUEST', message, { fields: this.#found })
  }
}

/** The path of a map's entry, as in `labels["team"]`. */
export function entry(map: string, key: string): string {
  return `${map}[${JSON.stringify(key.slice(0, MAX_KEY_LENGTH).toWellFormed())}]`
}

/** Whether a text takes more than so many bytes of UTF-8. */
export function longerThan(bytes: number, text: string): boolean {
  if (text.length > bytes) return true
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes
}
