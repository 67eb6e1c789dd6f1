import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Target } from '../../domain/calls/facts.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import type { InputTokens } from '../../domain/tokens/request-tokens.ts'
import { OutputSizes } from './output-sizes.ts'

/** Kinds of calls that are remembered; the least recently used make room. */
const MAX_KINDS = 10_000
/** Weight of the newest call in the learned ratio. */
const WEIGHT = 0.1
/** Bounds of the learned ratio: nobody can teach it to be far off. */
const MIN_RATIO = 0.7
const MAX_RATIO = 2
/** Inputs below this many tokens say more about the vendor's wrapping than about its tokenizer. */
const MIN_LEARNED = 20

/** Output tokens of calls of an unknown kind: of a usual one, and of a long one. */
const USUAL_OUTPUT = 300
const LONG_OUTPUT = 1_000

/** What a call asks, as far as estimates depend on it. */
export type Estimated = Call & Authenticated & { readonly target: Target }

export interface OutputEstimate {
  readonly p50: number
  readonly p95: number
}

/**
 * Estimates the tokens of calls from those of earlier ones of the same caller. Callers can mislead it, so it says how
 * much to reserve at first, never how much is enough.
 */
export class Estimator {
  /** Reported input tokens for each estimated one, by caller and model. */
  readonly #ratios = new Map<string, number>()
  /** By caller, alias or model, and operation. */
  readonly #sizes = new Map<string, OutputSizes>()

  /** Tokens of the text and media of a call for its target's model. */
  input(call: Estimated, tokens: Pick<InputTokens, 'text' | 'media'>): number {
    const ratio = this.#ratios.get(ratioKey(call)) ?? 1
    return Math.ceil(tokens.text * ratio + tokens.media)
  }

  /** Whether the tokenizer of this model was learned from the caller's own calls. */
  isLearned(call: Estimated): boolean {
    return this.#ratios.has(ratioKey(call))
  }

  output(call: Estimated): OutputEstimate {
    const sizes = this.#sizes.get(sizeKey(call))
    return { p50: sizes?.quantile(0.5) ?? USUAL_OUTPUT, p95: sizes?.quantile(0.95) ?? LONG_OUTPUT }
  }

  /** Learns from a response that the vendor ended, with the tokens that it reported. */
  learn(
    call: Estimated,
    tokens: Pick<InputTokens, 'text' | 'media'>,
    reported: { readonly input?: number; readonly output?: number },
  ): void {
    const { input, output } = reported
    if (input !== undefined && tokens.media === 0 && tokens.text >= MIN_LEARNED)
      this.#learnRatio(call, input / tokens.text)
    if (output === undefined) return
    const key = sizeKey(call)
    const sizes = this.#sizes.get(key) ?? new OutputSizes()
    sizes.add(output)
    keep(this.#sizes, key, sizes)
  }

  #learnRatio(call: Estimated, observed: number): void {
    const key = ratioKey(call)
    const known = this.#ratios.get(key)
    const seen = Math.min(MAX_RATIO, Math.max(MIN_RATIO, observed))
    keep(this.#ratios, key, known === undefined ? seen : known + WEIGHT * (seen - known))
  }
}

/** Makes the key the most recently used one. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= MAX_KINDS) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}

function ratioKey(call: Estimated): string {
  const { provider, model } = call.target
  return `${holderOf(call)}\0${provider.name}/${model}`
}

function sizeKey(call: Estimated): string {
  const { alias, provider, model } = call.target
  return `${holderOf(call)}\0${alias ?? `${provider.name}/${model}`}\0${call.operation}`
}
