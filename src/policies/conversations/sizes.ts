import type { InputTokens } from '../../domain/tokens/request-tokens.ts'
import { chatTokens, messageTokens } from '../../domain/tokens/request-tokens.ts'
import type { ChatRequest } from '../../domain/types.ts'
import type { Estimated, Estimator } from '../estimating/estimator.ts'
import { Turns } from './turns.ts'

interface Tokens {
  readonly text: number
  readonly media: number
}

/** Estimated tokens of a conversation for one target, whole and without its oldest turns. */
export class Sizes {
  readonly turns: Turns
  readonly #call: Estimated
  readonly #estimator: Estimator
  /** Tokens without the oldest turns, by their number. */
  readonly #left: Tokens[]

  constructor(call: Estimated, request: ChatRequest, estimator: Estimator) {
    this.turns = new Turns(request.messages)
    this.#call = call
    this.#estimator = estimator
    this.#left = [this.#sum(chatTokens(request))]
  }

  /**
   * Tokens that are sent without the oldest turns. What was learned can only make them more: a vendor that reports less
   * than it was sent may have cut it off.
   */
  without(dropped: number): number {
    const { text, media } = this.#tokensWithout(dropped)
    return Math.ceil(Math.max(text, this.#estimator.input(this.#call, { text, media: [] })) + media)
  }

  /** The fewest turns to drop for at most `limit` tokens; where that is impossible, all that may be dropped. */
  toDrop(limit: number): number {
    const { droppable } = this.turns
    let dropped = 0
    while (dropped < droppable && this.without(dropped) > limit) dropped++
    return dropped
  }

  #tokensWithout(dropped: number): Tokens {
    for (let known = this.#left.length; known <= dropped; known++) {
      const { text, media } = this.#left[known - 1] as Tokens // known > 0, and there is one for each smaller number
      const turn = this.#sum(messageTokens(this.turns.between(known - 1, known)))
      this.#left.push({ text: text - turn.text, media: media - turn.media })
    }
    return this.#left[dropped] as Tokens // the loop has filled it
  }

  #sum({ text, media }: Pick<InputTokens, 'text' | 'media'>): Tokens {
    return { text, media: this.#estimator.input(this.#call, { text: 0, media }) }
  }
}
