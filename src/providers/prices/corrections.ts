import type { PriceOverride } from './price-override.ts'

/**
 * Prices that the public list has wrong, by the vendor's id in the list and by model. They go before the list and after
 * what the operator states. A row is removed once the list has the right price.
 */
export const corrections: Readonly<Record<string, Readonly<Record<string, PriceOverride>>>> = {
  deepseek: {
    // https://api-docs.deepseek.com/quick_start/pricing: V3.2, no discount by the hour since 2025-09-05.
    'deepseek-chat': { input: 0.28, output: 0.42, cachedInput: 0.028 },
    'deepseek-reasoner': { input: 0.28, output: 0.42, cachedInput: 0.028 },
  },
  mistral: {
    // https://mistral.ai/pricing: the aliases moved on to Large 3, Small 4 and Magistral Medium 1.2.
    'mistral-large-latest': { input: 0.5, output: 1.5 },
    'mistral-small-latest': { input: 0.15, output: 0.6 },
    'magistral-medium-latest': { input: 1.5, output: 7.5 },
    'open-mistral-nemo': { input: 0.3, output: 0.3 },
  },
  groq: {
    // https://groq.com/pricing: the list has it at the price of gpt-oss-120b.
    'openai/gpt-oss-safeguard-20b': { input: 0.075, output: 0.3, cachedInput: 0.0375 },
  },
}
