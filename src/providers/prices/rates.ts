import type { ModelPrice as PriceSheet, TieredPrices } from '@pydantic/genai-prices'
import type { Bill, ModelPrice } from '../../domain/money.ts'
import type { Usage } from '../../domain/types.ts'

/*
 * Computing a bill. Tokens that are read from or written to the vendor's cache are part of the input, those of
 * reasoning part of the output: each is charged at its own rate where there is one, else as what it is part of. A tier
 * holds for all tokens of a call whose input is above its start. What the usage does not tell apart, such as the
 * tokens of a sound, is charged as text.
 */

/** In nano-dollars for one token, except `call`. */
export interface Rates {
  readonly input: Rate
  readonly cachedInput: Rate
  readonly cacheWrite: Rate
  readonly output: Rate
  readonly reasoning: Rate
  /** In nano-dollars for one call. */
  readonly call: number
}

interface Rate {
  readonly base: number
  /** By rising `start`. */
  readonly tiers: readonly { readonly start: number; readonly price: number }[]
}

const none: Rate = { base: 0, tiers: [] }

/** Reads an entry of the price list: USD for a million tokens, with tiers. */
export function ratesOf(sheet: PriceSheet): Rates {
  const rate = (key: string) => rateOf(sheet[key])
  const input = rate('input_mtok') ?? none
  const output = rate('output_mtok') ?? none
  const perThousandCalls = sheet['requests_kcount']
  return {
    input,
    cachedInput: rate('cache_read_mtok') ?? input,
    cacheWrite: rate('cache_write_mtok') ?? input,
    output,
    reasoning: rate('output_reasoning_mtok') ?? output,
    call: typeof perThousandCalls === 'number' ? perThousandCalls * 1e6 : 0,
  }
}

/** USD for a million tokens, which is a thousandth of the nano-dollars for one. */
function rateOf(price: number | TieredPrices | undefined): Rate | undefined {
  if (price === undefined) return undefined
  if (typeof price === 'number') return { base: price * 1000, tiers: [] }
  const tiers = price.tiers.map((tier) => ({ start: tier.start, price: tier.price * 1000 }))
  return { base: price.base * 1000, tiers: tiers.sort((a, b) => a.start - b.start) }
}

function at({ base, tiers }: Rate, input: number): number {
  let price = base
  for (const tier of tiers) if (input > tier.start) price = tier.price
  return price
}

function isFree({ base, tiers }: Rate): boolean {
  return base === 0 && tiers.length === 0
}

/** The price of a model whose rates may change. */
export function priceOf(rates: () => Rates): ModelPrice {
  return {
    bill: (usage) => billOf(rates(), usage),
    get list() {
      const { input, output, cachedInput, cacheWrite } = rates()
      return {
        input: input.base / 1000,
        output: output.base / 1000,
        ...(cachedInput !== input && { cachedInput: cachedInput.base / 1000 }),
        ...(cacheWrite !== input && { cacheWrite: cacheWrite.base / 1000 }),
      }
    },
  }
}

/** A count may be missing only where it costs nothing, as the output of embeddings. */
function billOf(rates: Rates, usage: Usage): Bill | undefined {
  const { input, output } = usage
  if ((input === undefined && !isFree(rates.input)) || (output === undefined && !isFree(rates.output))) return undefined
  const prompt = input ?? 0
  const cached = Math.min(usage.cachedInput ?? 0, prompt)
  const written = Math.min(usage.cacheWrite ?? 0, prompt - cached)
  const answer = output ?? 0
  const reasoning = Math.min(usage.reasoning ?? 0, answer)
  const forInput =
    (prompt - cached - written) * at(rates.input, prompt) +
    cached * at(rates.cachedInput, prompt) +
    written * at(rates.cacheWrite, prompt)
  const forOutput = (answer - reasoning) * at(rates.output, prompt) + reasoning * at(rates.reasoning, prompt)
  return { input: Math.round(forInput + rates.call), output: Math.round(forOutput) }
}
