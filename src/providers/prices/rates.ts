import type { ModelPrice as PriceSheet, TieredPrices } from '@pydantic/genai-prices'
import type { Bill, ModelPrice } from '../../domain/money.ts'
import type { Usage } from '../../domain/types.ts'

/*
 * Computing a bill. Cached tokens, cache writes, audio and images are part of the input; reasoning, audio and images
 * are part of the output. Each part is charged at its own rate if there is one, else at the rate of the input or
 * output. Where parts overlap, such as cached audio tokens, the first in this order counts. A price tier applies to all
 * tokens of a call whose input is above the tier's start. A service tier multiplies the rates of all tokens.
 */

/** Rates of a model, in nano-dollars per token, except `call` and `search`. */
export interface Rates {
  readonly input: Rate
  readonly cachedInput: Rate
  readonly cacheWrite: Rate
  /** For cache entries that the vendor keeps for one hour. */
  readonly cacheWrite1h: Rate
  readonly inputAudio: Rate
  readonly inputImage: Rate
  readonly output: Rate
  readonly reasoning: Rate
  readonly outputAudio: Rate
  readonly outputImage: Rate
  /** In nano-dollars per call. */
  readonly call: number
  /** In nano-dollars per web search. */
  readonly search: number
}

interface Rate {
  readonly base: number
  /** In ascending order of `start`, which is a number of input tokens. */
  readonly tiers: readonly { readonly start: number; readonly price: number }[]
}

const none: Rate = { base: 0, tiers: [] }

/** Reads an entry of the price list, whose prices are in USD per million tokens. */
export function ratesOf(sheet: PriceSheet): Rates {
  const rate = (key: string) => rateOf(sheet[key])
  const input = rate('input_mtok') ?? none
  const output = rate('output_mtok') ?? none
  const cacheWrite = rate('cache_write_mtok') ?? input
  return {
    input,
    cachedInput: rate('cache_read_mtok') ?? input,
    cacheWrite,
    cacheWrite1h: rate('cache_write_1h_mtok') ?? cacheWrite,
    inputAudio: rate('input_audio_mtok') ?? input,
    inputImage: rate('input_image_mtok') ?? input,
    output,
    reasoning: rate('output_reasoning_mtok') ?? output,
    outputAudio: rate('output_audio_mtok') ?? output,
    outputImage: rate('output_image_mtok') ?? output,
    call: perThousand(sheet['requests_kcount']),
    search: perThousand(sheet['web_searches_kcount']),
  }
}

/** Converts USD per million tokens to nano-dollars per token, which is a factor of 1000. */
function rateOf(price: number | TieredPrices | undefined): Rate | undefined {
  if (price === undefined) return undefined
  if (typeof price === 'number') return { base: price * 1000, tiers: [] }
  const tiers = price.tiers.map((tier) => ({ start: tier.start, price: tier.price * 1000 }))
  return { base: price.base * 1000, tiers: tiers.sort((a, b) => a.start - b.start) }
}

/** Converts USD per thousand to nano-dollars for one. */
function perThousand(price: number | TieredPrices | undefined): number {
  return typeof price === 'number' ? price * 1e6 : 0
}

function at({ base, tiers }: Rate, input: number): number {
  let price = base
  for (const tier of tiers) if (input > tier.start) price = tier.price
  return price
}

function isFree({ base, tiers }: Rate): boolean {
  return base === 0 && tiers.length === 0
}

/** Factor by which a service tier multiplies the standard price; undefined if it is not known. */
export type TierFactor = (tier: string) => number | undefined

/** The price of a model. It does not change: who keeps it bills at the rates of that time. */
export function priceOf(rates: Rates, tierFactor: TierFactor = () => undefined): ModelPrice {
  const { input, output, cachedInput, cacheWrite } = rates
  return {
    bill: (usage) => billOf(rates, usage, tierFactor),
    list: {
      input: input.base / 1000,
      output: output.base / 1000,
      ...(cachedInput !== input && { cachedInput: cachedInput.base / 1000 }),
      ...(cacheWrite !== input && { cacheWrite: cacheWrite.base / 1000 }),
    },
  }
}

/** All rates times a factor. */
export function scaled(rates: Rates, factor: number): Rates {
  if (factor === 1) return rates
  const known = new Map<Rate, Rate>()
  const scale = (rate: Rate) => {
    // Rates that are one stay one: that says that a part has no rate of its own.
    const tiers = rate.tiers.map(({ start, price }) => ({ start, price: price * factor }))
    const found = known.get(rate) ?? { base: rate.base * factor, tiers }
    known.set(rate, found)
    return found
  }
  return {
    input: scale(rates.input),
    cachedInput: scale(rates.cachedInput),
    cacheWrite: scale(rates.cacheWrite),
    cacheWrite1h: scale(rates.cacheWrite1h),
    inputAudio: scale(rates.inputAudio),
    inputImage: scale(rates.inputImage),
    output: scale(rates.output),
    reasoning: scale(rates.reasoning),
    outputAudio: scale(rates.outputAudio),
    outputImage: scale(rates.outputImage),
    call: rates.call * factor,
    search: rates.search * factor,
  }
}

/** Undefined if a token count is missing, unless those tokens are free, such as the output of embeddings. */
function billOf(rates: Rates, usage: Usage, tierFactor: TierFactor): Bill | undefined {
  const { input, output, serviceTier } = usage
  if ((input === undefined && !isFree(rates.input)) || (output === undefined && !isFree(rates.output))) return undefined
  const known = serviceTier === undefined ? 1 : tierFactor(serviceTier)
  const factor = known ?? 1
  const fees = rates.call + (usage.webSearches ?? 0) * rates.search
  const bill = {
    input: Math.round(inputOf(rates, usage) * factor + fees),
    output: Math.round(outputOf(rates, usage) * factor),
  }
  const isUnknown = known === undefined && bill.input + bill.output > 0
  return isUnknown ? { ...bill, tierUnknown: true } : bill
}

function inputOf(rates: Rates, usage: Usage): number {
  const { input: prompt = 0 } = usage
  const cached = Math.min(usage.cachedInput ?? 0, prompt)
  const written = Math.min(usage.cacheWrite ?? 0, prompt - cached)
  const forAnHour = Math.min(usage.cacheWrite1h ?? 0, written)
  let rest = prompt - cached - written
  const audio = Math.min(usage.inputAudio ?? 0, rest)
  rest -= audio
  const image = Math.min(usage.inputImage ?? 0, rest)
  return (
    (rest - image) * at(rates.input, prompt) +
    cached * at(rates.cachedInput, prompt) +
    (written - forAnHour) * at(rates.cacheWrite, prompt) +
    forAnHour * at(rates.cacheWrite1h, prompt) +
    audio * at(rates.inputAudio, prompt) +
    image * at(rates.inputImage, prompt)
  )
}

function outputOf(rates: Rates, usage: Usage): number {
  const { input: prompt = 0, output = 0 } = usage
  const reasoning = Math.min(usage.reasoning ?? 0, output)
  let rest = output - reasoning
  const audio = Math.min(usage.outputAudio ?? 0, rest)
  rest -= audio
  const image = Math.min(usage.outputImage ?? 0, rest)
  return (
    (rest - image) * at(rates.output, prompt) +
    reasoning * at(rates.reasoning, prompt) +
    audio * at(rates.outputAudio, prompt) +
    image * at(rates.outputImage, prompt)
  )
}
