import { hash } from 'node:crypto'
import { GatewayError } from '../../../domain/errors/error.ts'
import type { Message } from '../../../domain/types.ts'
import type { Sizes } from '../sizes.ts'
import { summaryMessage } from './prompt.ts'
import type { Summarized, Summarizer } from './summarizer.ts'
import { transcriptOf } from './transcript.ts'
import { turnsToSummarize } from './turns-to-summarize.ts'

/** A summary in the place of turns. */
export interface SummaryOfTurns {
  /** Number of turns that it stands for. */
  readonly count: number
  readonly message: Message
}

/** Summaries of the oldest turns of one conversation. */
export class TurnSummaries {
  readonly #summarizer: Summarizer
  readonly #alias: string
  readonly #call: Summarized
  readonly #sizes: Sizes
  /** What was said in each turn. */
  readonly #transcripts: string[] = []
  /** Names the oldest turns, by their number. */
  readonly #keys: string[]

  /** `alias`: its model makes the summaries. */
  constructor(summarizer: Summarizer, alias: string, call: Summarized, sizes: Sizes) {
    this.#summarizer = summarizer
    this.#alias = alias
    this.#call = call
    this.#sizes = sizes
    this.#keys = [alias]
  }

  /**
   * A summary of at least `least` turns that has at most `space` tokens together with the rest: one that is kept, or
   * else a new one, which extends the last one that is kept. Rejects when none can be made.
   */
  async within(space: number, least: number): Promise<SummaryOfTurns> {
    return this.#keptWithin(space, least) ?? (await this.#newWithin(space, least))
  }

  #keptWithin(space: number, least: number): SummaryOfTurns | undefined {
    for (let count = least; count <= this.#sizes.turns.droppable; count++) {
      if (!this.#summarizer.has(this.#call, this.#key(count))) continue
      const found = this.#checked(count, this.#summarizer.kept(this.#call, this.#key(count)), space)
      if (found) return found
    }
    return undefined
  }

  async #newWithin(space: number, least: number): Promise<SummaryOfTurns> {
    const count = turnsToSummarize(this.#sizes, space, least)
    // If a summary of these turns is kept, it is too long.
    if (count === undefined || this.#summarizer.has(this.#call, this.#key(count))) throw noRoom()
    const known = this.#lastKept(count - 1)
    const summary = await this.#summarizer.summarize(this.#call, this.#alias, {
      key: this.#key(count),
      before: known === 0 ? undefined : this.#summarizer.kept(this.#call, this.#key(known)),
      transcript: this.#transcripts.slice(known, count).join(''),
    })
    const made = this.#checked(count, summary, space)
    if (!made) throw noRoom()
    return made
  }

  #checked(count: number, summary: string | undefined, space: number): SummaryOfTurns | undefined {
    if (summary === undefined) return undefined
    const message = summaryMessage(summary)
    return this.#sizes.without(count) + this.#sizes.of([message]) <= space ? { count, message } : undefined
  }

  /** The most of the oldest turns, up to a number of them, whose summary is kept; 0 if there is none. */
  #lastKept(most: number): number {
    for (let count = most; count > 0; count--) if (this.#summarizer.has(this.#call, this.#key(count))) return count
    return 0
  }

  /** The same for all conversations that begin with the same turns. */
  #key(count: number): string {
    for (let known = this.#keys.length; known <= count; known++) {
      const transcript = transcriptOf(this.#sizes.turns.between(known - 1, known))
      this.#transcripts.push(transcript)
      this.#keys.push(hash('sha256', `${this.#keys[known - 1]}\0${transcript}`, 'base64url'))
    }
    return this.#keys[count] ?? ''
  }
}

function noRoom(): GatewayError {
  return new GatewayError('CONTEXT_LENGTH_EXCEEDED', 'There is no room for a summary beside the last turn.')
}
