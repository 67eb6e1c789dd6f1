import type { ModelPrice, NanoDollars } from '../../../domain/money.ts'
import type { InputTokens } from '../../../domain/tokens/request-tokens.ts'
import type { Usage } from '../../../domain/types.ts'

/** Enough tokens for a price of one without rounding. */
const MANY = 1e6

/** Facts of a request that change its price. */
export interface PricedInput {
  /** Input tokens. */
  readonly tokens: number
  readonly caching: InputTokens['caching']
  /** Service tier that the request names; undefined for the vendor's standard one. */
  readonly serviceTier: string | undefined
}

/** What an attempt costs for each number of output tokens, at the dearest rate that may apply. */
export class AttemptCost {
  /** Cost of the input. */
  readonly input: NanoDollars
  /** Cost of one output token in nano-dollars, with a fraction. */
  readonly perOutput: number

  constructor(price: ModelPrice, { tokens, caching, serviceTier }: PricedInput) {
    const usage: Usage = {
      $typeName: 'llmgateway.v1.Usage',
      input: tokens,
      cacheWrite: caching === 'no' ? 0 : tokens,
      cacheWrite1h: caching === '1h' ? tokens : 0,
      output: MANY,
      reasoning: 0,
      estimated: true,
    }
    if (serviceTier !== undefined) usage.serviceTier = serviceTier
    const said = price.bill(usage)
    usage.reasoning = MANY
    const reasoned = price.bill(usage)
    this.input = said?.input ?? 0
    this.perOutput = Math.max(said?.output ?? 0, reasoned?.output ?? 0) / MANY
  }

  get isFree(): boolean {
    return this.input === 0 && this.perOutput === 0
  }

  /** Cost with this number of output tokens. */
  with(output: number): NanoDollars {
    return this.input + Math.ceil(output * this.perOutput)
  }

  /** The most output tokens that an amount bears, at least 0; Infinity where they cost nothing. */
  outputFor(amount: NanoDollars): number {
    if (this.perOutput === 0) return amount >= this.input ? Number.POSITIVE_INFINITY : 0
    return Math.max(0, Math.floor((amount - this.input) / this.perOutput))
  }
}
