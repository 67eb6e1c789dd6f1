import type { AnyEvent } from '../../../domain/streams/events.ts'
import { textTokenEstimate } from '../../../domain/tokens/scan.ts'

/** More is reserved when this part of what is reserved is generated. */
const TOP_UP_AT = 0.8
/** Tokens of an image or a sound in a response. */
const PART_TOKENS = 1_000

/** Counts the output tokens of a response while it is generated, rather too many than too few. */
export class StreamMeter {
  /** Tokens that are generated so far. */
  said = 0
  /** Estimated tokens of the text so far. */
  text = 0
  /** Tokens of the largest event so far: the next one may be as large. */
  #largest = 1
  /** Tokens that are reserved; Infinity where nothing more can be needed. */
  reserved: number
  readonly #ratio: number

  /** `ratio`: tokens for each estimated one. */
  constructor(reserved: number, ratio = 1) {
    this.reserved = reserved
    this.#ratio = ratio
  }

  add({ event }: AnyEvent): void {
    if (event.case === 'part') {
      this.#count(PART_TOKENS)
      return
    }
    const text = textOf(event)
    if (text === '') return
    const estimated = textTokenEstimate(text)
    this.text += estimated
    // Vendors send whole tokens.
    this.#count(Math.max(1, this.#ratio * estimated))
  }

  /** Whether it is time to reserve more. */
  get isLow(): boolean {
    return this.said >= this.reserved * TOP_UP_AT || this.isSpent
  }

  /** Whether another event may exceed what is reserved. */
  get isSpent(): boolean {
    return this.said + this.#largest > this.reserved
  }

  #count(tokens: number): void {
    this.said += tokens
    if (tokens > this.#largest) this.#largest = tokens
  }
}

function textOf(event: AnyEvent['event']): string {
  switch (event.case) {
    case 'text':
    case 'refusal':
    case 'reasoning':
      return event.value.text
    case 'toolCall':
      return event.value.name + event.value.arguments
    default:
      return ''
  }
}
