import type { ConditionalPrice, ModelPrice as PriceSheet } from '@pydantic/genai-prices'

/**
 * The prices that apply at a wall time in ms. Of prices that begin on a date or apply at certain hours of UTC the last one
 * counts; without any the first.
 */
export function activeSheet(prices: PriceSheet | readonly ConditionalPrice[], time: number): PriceSheet {
  if (!isConditional(prices)) return prices
  const active = prices.findLast(({ constraint }) => !constraint || applies(constraint, time)) ?? prices[0]
  return active?.prices ?? {}
}

function isConditional(prices: PriceSheet | readonly ConditionalPrice[]): prices is readonly ConditionalPrice[] {
  return Array.isArray(prices)
}

function applies(constraint: NonNullable<ConditionalPrice['constraint']>, time: number): boolean {
  if (constraint.type === 'start_date') return time >= Date.parse(constraint.start_date)
  const [now, start, end] = [time % DAY, timeOfDay(constraint.start_time), timeOfDay(constraint.end_time)]
  return end < start ? now >= start || now < end : now >= start && now < end
}

const DAY = 86_400_000

/** Milliseconds since midnight of a time such as `16:30:00Z`. */
function timeOfDay(time: string): number {
  return Date.parse(`1970-01-02T${time}`) % DAY
}
