import type { Target } from '../../../domain/calls/facts.ts'
import type { Clock } from '../../../domain/clock.ts'
import { GatewayError } from '../../../domain/errors/error.ts'
import { holderOf } from '../../../domain/limits/holder.ts'
import { dollars } from '../../../domain/money.ts'
import type { Handler } from '../../../domain/streams/follow.ts'
import { textTokenEstimate } from '../../../domain/tokens/scan.ts'
import { type ChatEvent, type ChatRequest, FinishReason } from '../../../domain/types.ts'
import type { Estimator } from '../../estimating/estimator.ts'
import { MIN_TIME } from '../../routing/min-time.ts'
import { askSideCall, type MainCall, type SideCall } from '../../side-call.ts'
import { estimatedText } from '../estimated-text.ts'
import { withMargin } from '../space.ts'
import { firstPiece } from './first-piece.ts'
import type { KeptSummaries } from './kept-summaries.ts'
import { AROUND_PIECE, type Material, SUMMARY_TOKENS, summaryRequest } from './prompt.ts'
import { RunningSummaries } from './running-summaries.ts'

/** Limit for the pieces in which turns are summarized. */
const MAX_PIECES = 8
/** Part of the time, and of the money, that is left to a call and that its summary may take. */
const SHARE = 1 / 2

export interface SummarizerParts {
  /** Makes a call for another one. */
  readonly ask: Handler<SideCall, ChatEvent>
  /** The targets of an alias; undefined if there is none of the name. */
  readonly targetsOf: (alias: string) => readonly Target[] | undefined
  readonly estimator: Estimator
  readonly kept: KeptSummaries
  readonly clock: Clock
}

/** What is to be summarized, with the name of the turns that the summary stands for. */
export interface KeyedMaterial extends Material {
  readonly key: string
}

/** A call whose conversation is summarized. */
export type Summarized = MainCall & {
  readonly request: ChatRequest
  /** On the monotonic clock, in ms. */
  readonly firstEventBy: number
}

/** Makes summaries by asking the model of an alias, and keeps them. */
export class Summarizer {
  readonly #parts: SummarizerParts
  readonly #running: RunningSummaries

  constructor(parts: SummarizerParts) {
    this.#parts = parts
    this.#running = new RunningSummaries(parts.clock)
  }

  has(call: Summarized, key: string): boolean {
    return this.#parts.kept.has(holderOf(call), key)
  }

  kept(call: Summarized, key: string): string | undefined {
    return this.#parts.kept.get(holderOf(call), key)
  }

  /**
   * Summarizes a transcript, after the summary of what came before it, and keeps the result under `key`. Calls of the
   * same caller that want it at the same time share it: the first one pays.
   */
  async summarize(call: Summarized, alias: string, { key, ...material }: KeyedMaterial): Promise<string> {
    const { clock, kept } = this.#parts
    const holder = holderOf(call)
    const time = (Math.min(call.context.deadline, call.firstEventBy) - clock.now()) * SHARE
    const deadline = clock.now() + time
    return await this.#running.once(`${holder}\0${key}`, call.context.cancellation, deadline, async () => {
      if (deadline - clock.now() < MIN_TIME)
        throw new GatewayError('DEADLINE_EXCEEDED', 'There is no time left to summarize the conversation.')
      const summary = await this.#inPieces(call, alias, material, deadline)
      kept.set(holder, key, summary)
      return summary
    })
  }

  async #inPieces(call: Summarized, alias: string, { before, transcript }: Material, deadline: number) {
    const targets = this.#parts.targetsOf(alias) ?? []
    const tokensOf = this.#counter(call, targets)
    const space = spaceFor(targets)
    if (tokensOf(transcript) > space * MAX_PIECES) throw tooLong()
    let summary = before
    let rest = transcript
    for (let pieces = 0; rest !== ''; pieces++) {
      const piece = firstPiece(rest, space - tokensOf(summary ?? ''), tokensOf)
      if (piece === '' || pieces === MAX_PIECES) throw tooLong()
      summary = await this.#ask(call, targets, { before: summary, transcript: piece }, deadline)
      rest = rest.slice(piece.length)
    }
    return summary ?? ''
  }

  async #ask(call: Summarized, targets: readonly Target[], material: Material, deadline: number): Promise<string> {
    const { ask, clock } = this.#parts
    const { maxCost } = call.wishes
    const maxCostUsd = maxCost === undefined ? undefined : dollars(Math.floor(maxCost * SHARE))
    const request = summaryRequest(call.request, material, maxCostUsd)
    const { message, finishReason } = await askSideCall(ask, call, { request, targets, deadline }, clock)
    const summary = message?.content.trim() ?? ''
    const isComplete = finishReason === FinishReason.STOP || finishReason === FinishReason.LENGTH
    if (isComplete && summary !== '') return summary
    throw new GatewayError('UPSTREAM_MALFORMED', 'The model that summarizes conversations returned no summary.')
  }

  /** Counts the tokens of texts as the model that counts most of them does. */
  #counter(call: Summarized, targets: readonly Target[]): (text: string) => number {
    const { estimator } = this.#parts
    return (text) => {
      const tokens = textTokenEstimate(text)
      return Math.max(0, ...targets.map((target) => estimatedText(estimator, { ...call, target }, tokens)))
    }
  }
}

/** Tokens that can be summarized at once; Infinity where no window is known. */
function spaceFor(targets: readonly Target[]): number {
  const windows = targets.map(
    ({ provider, model }) => provider.describe(model).contextWindow ?? Number.POSITIVE_INFINITY,
  )
  const window = Math.min(...windows)
  return withMargin(window - Math.min(SUMMARY_TOKENS, window / 2)) - AROUND_PIECE
}

function tooLong(): GatewayError {
  return new GatewayError('CONTEXT_LENGTH_EXCEEDED', 'The turns are too long for the model that summarizes them.')
}
