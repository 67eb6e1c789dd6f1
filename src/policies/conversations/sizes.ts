import type { InputTokens } from '../../domain/tokens/request-tokens.ts'
import { chatTokens, messageTokens } from '../../domain/tokens/request-tokens.ts'
import type { ChatRequest, Message } from '../../domain/types.ts'
import type { Estimated, Estimator } from '../estimating/estimator.ts'
import { estimatedText } from './estimated-text.ts'
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

  /** Tokens that are sent without the oldest turns. */
  without(dropped: number): number {
    return this.#total(this.#tokensWithout(dropped))
  }

  /** Tokens of further messages. */
  of(messages: readonly Message[]): number {
    return this.#total(this.#sum(messageTokens(messages)))
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

  #total({ text, media }: Tokens): number {
    return estimatedText(this.#estimator, this.#call, text) + media
  }

  #sum({ text, media }: Pick<InputTokens, 'text' | 'media'>): Tokens {
    return { text, media: this.#estimator.input(this.#call, { text: 0, media }) }
  }
}
