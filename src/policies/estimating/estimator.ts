import { LRUCache } from 'lru-cache'
import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Target } from '../../domain/calls/facts.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import { type MediaRule, mediaTokensOf, mostMediaTokens } from '../../domain/tokens/media.ts'
import type { InputTokens } from '../../domain/tokens/request-tokens.ts'
import { LearnedRatio, UNKNOWN_RATIO } from './learned-ratio.ts'
import { OutputSizes } from './output-sizes.ts'

/** Kinds of calls that are remembered; the least recently used make room. */
const MAX_KINDS = { max: 10_000 }
/** Texts below this many tokens say more about the vendor's wrapping than about its tokenizer. */
const MIN_LEARNED = 20

/** Output tokens of calls of an unknown kind: of a usual one, and of a long one. */
const USUAL_OUTPUT = 300
const LONG_OUTPUT = 1_000

/** What a call asks, as far as estimates depend on it. */
export type Estimated = Call & Authenticated & { readonly target: Target }

type Counted = Pick<InputTokens, 'text' | 'media'>

/** Undefined where the vendor did not say. */
export interface ReportedTokens {
  readonly input?: number | undefined
  readonly output?: number | undefined
}

export interface OutputEstimate {
  readonly p50: number
  readonly p95: number
}

/**
 * Estimates the tokens of calls from those of earlier ones of the same caller. Callers can mislead it, so it says how
 * much to reserve at first, never how much is enough.
 */
export class Estimator {
  /** By caller and model. */
  readonly #inputRatios = new LRUCache<string, LearnedRatio>(MAX_KINDS)
  readonly #outputRatios = new LRUCache<string, LearnedRatio>(MAX_KINDS)
  /** By caller, alias or model, and operation. */
  readonly #sizes = new LRUCache<string, OutputSizes>(MAX_KINDS)

  /** Tokens of the text and media of a call for its target's model. */
  input(call: Estimated, tokens: Counted): number {
    return inputOf(call, tokens, this.#inputRatio(call).mean)
  }

  /** The same, so that it is rarely too low. */
  highInput(call: Estimated, tokens: Counted): number {
    return inputOf(call, tokens, this.#inputRatio(call).high)
  }

  /** What the estimated tokens of a response's text are to be multiplied by, so that they are rarely too few. */
  highOutputRatio(call: Estimated): number {
    return (this.#outputRatios.get(ratioKey(call)) ?? UNKNOWN_RATIO).high
  }

  /** At least as many tokens as the vendor is likely to count. */
  mostInput(call: Estimated, tokens: InputTokens): number {
    const rule = mediaRuleOf(call)
    return Math.ceil(tokens.media.reduce((sum, each) => sum + mostMediaTokens(each, rule), tokens.mostText))
  }

  /** Whether the tokenizer of this model was learned from the caller's own calls. */
  isLearned(call: Estimated): boolean {
    return this.#inputRatios.has(ratioKey(call))
  }

  output(call: Estimated): OutputEstimate {
    const sizes = this.#sizes.get(sizeKey(call))
    return { p50: sizes?.quantile(0.5) ?? USUAL_OUTPUT, p95: sizes?.quantile(0.95) ?? LONG_OUTPUT }
  }

  /**
   * Learns from a response that the vendor ended, with the tokens that it reported. `text`: the estimated tokens of its
   * text, where they were counted.
   */
  learn(call: Estimated, tokens: Counted, { input, output }: ReportedTokens, text = 0): void {
    const key = ratioKey(call)
    if (input !== undefined && tokens.media.length === 0) learnRatio(this.#inputRatios, key, input, tokens.text)
    if (output === undefined) return
    learnRatio(this.#outputRatios, key, output, text)
    keptIn(this.#sizes, sizeKey(call), newSizes).add(output)
  }

  #inputRatio(call: Estimated) {
    return this.#inputRatios.get(ratioKey(call)) ?? UNKNOWN_RATIO
  }
}

function inputOf(call: Estimated, { text, media }: Counted, ratio: number): number {
  const rule = mediaRuleOf(call)
  return Math.ceil(media.reduce((sum, each) => sum + mediaTokensOf(each, rule), text * ratio))
}

function learnRatio(ratios: LRUCache<string, LearnedRatio>, key: string, reported: number, estimated: number): void {
  if (estimated >= MIN_LEARNED) keptIn(ratios, key, newRatio).add(reported / estimated)
}

const newRatio = () => new LearnedRatio()
const newSizes = () => new OutputSizes()

/** What is kept for a key, which is used by this. */
function keptIn<T extends object>(cache: LRUCache<string, T>, key: string, create: () => T): T {
  const known = cache.get(key)
  if (known) return known
  const created = create()
  cache.set(key, created)
  return created
}

function mediaRuleOf({ target }: Estimated): MediaRule | undefined {
  return target.provider.describe(target.model).mediaTokens
}

function ratioKey(call: Estimated): string {
  const { provider, model } = call.target
  return `${holderOf(call)}\0${provider.name}/${model}`
}

function sizeKey(call: Estimated): string {
  const { alias, provider, model } = call.target
  return `${holderOf(call)}\0${alias ?? `${provider.name}/${model}`}\0${call.operation}`
}
