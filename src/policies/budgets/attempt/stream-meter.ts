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
  /** Tokens of the largest event so far: the next one may be as large. */
  #largest = 1
  /** Tokens that are reserved; Infinity where nothing more can be needed. */
  reserved: number

  constructor(reserved: number) {
    this.reserved = reserved
  }

  add(event: AnyEvent): void {
    const tokens = outputTokens(event)
    if (tokens === 0) return
    this.said += tokens
    if (tokens > this.#largest) this.#largest = tokens
  }

  /** Whether it is time to reserve more. */
  get isLow(): boolean {
    return this.said >= this.reserved * TOP_UP_AT || this.isSpent
  }

  /** Whether another event may exceed what is reserved. */
  get isSpent(): boolean {
    return this.said + this.#largest > this.reserved
  }
}

/** At least one for each event with content: vendors send whole tokens. */
function outputTokens({ event }: AnyEvent): number {
  switch (event.case) {
    case 'text':
    case 'refusal':
    case 'reasoning':
      return event.value.text === '' ? 0 : Math.max(1, textTokenEstimate(event.value.text))
    case 'toolCall': {
      const { name, arguments: text } = event.value
      return name === '' && text === '' ? 0 : Math.max(1, textTokenEstimate(name) + textTokenEstimate(text))
    }
    case 'part':
      return PART_TOKENS
    default:
      return 0
  }
}
