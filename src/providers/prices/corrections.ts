import type { PriceOverride } from './settings.ts'

/**
 * Prices that the public list (genai-prices 0.1.8) has wrong, by the vendor's id in the list and by model. They take
 * precedence over the list, and the operator's prices over them. The values are those of LiteLLM's table (1.110.2, compared
 * on 2026-11-28); the page of the vendor to check them against stands beside each. A test fails once the list agrees: then
 * the row can go.
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
