import type { Cost, Usage } from './types.ts'

/** Integer nano-dollars: 1 USD is 1e9. Exact up to 9 million USD in one number. */
export type NanoDollars = number

/** Cost of a call in nano-dollars. */
export interface Bill {
  readonly input: NanoDollars
  readonly output: NanoDollars
  /** Whether the vendor's price for the service tier is not known and the standard price was taken. */
  readonly tierUnknown?: boolean
}

/** Price of one model. */
export interface ModelPrice {
  /** Cost of a usage; undefined when the usage is not known well enough. */
  bill(usage: Usage): Bill | undefined
  /** USD per million tokens at the lowest tier, for display. */
  readonly list: {
    readonly input: number
    readonly output: number
    readonly cachedInput?: number
    readonly cacheWrite?: number
  }
}

/** Another currency that costs are shown in. */
export interface Currency {
  /** ISO 4217 code, such as EUR. */
  readonly code: string
  /** Price of one USD in this currency. */
  readonly usdRate: number
}

/** The largest limit of a budget, and the most that is added to one. */
export const MAX_USD = 1_000_000_000

const NANO = 1e9

export function nanoDollars(usd: number): NanoDollars {
  return Math.round(usd * NANO)
}

export function dollars(nano: NanoDollars): number {
  return nano / NANO
}

/** An amount of at least 0 in USD, as digits without an exponent. */
export function dollarDigits(nano: NanoDollars): string {
  const rest = nano % NANO
  const whole = String((nano - rest) / NANO)
  return rest === 0 ? whole : `${whole}.${String(rest).padStart(9, '0').replace(/0+$/, '')}`
}

export function costOf(bill: Bill, estimated: boolean): Cost {
  return {
    $typeName: 'llmgateway.v1.Cost',
    usd: dollars(bill.input + bill.output),
    inputUsd: dollars(bill.input),
    outputUsd: dollars(bill.output),
    estimated,
  }
}
