import type { ResponsesDialect } from './openai/dialect.ts'
import { openAiResponses } from './openai/kind.ts'

/** How vendors besides OpenAI speak its Responses API. They are asked by it only where the configuration says so. */

const { minTokens: _ownLimit, ...shared } = openAiResponses
const family: ResponsesDialect = { ...shared, auto: false }

/** It takes system messages as input only. https://docs.x.ai/docs/api-reference#create-new-response */
export const xaiResponses: ResponsesDialect = {
  ...family,
  instructions: false,
  takesReasoningOf: (maker) => maker === 'unknown',
}

/** Reasoning may be that of any vendor behind it. https://openrouter.ai/docs/api-reference/responses-api/overview */
export const openRouterResponses: ResponsesDialect = { ...family, encrypted: 'all', takesReasoningOf: () => true }

/** Gateways such as LiteLLM pass on what the vendor behind them takes. */
export const compatibleResponses: ResponsesDialect = { ...family, encrypted: 'none', takesReasoningOf: () => true }

/** https://api-docs.deepseek.com */
export const deepSeekResponses: ResponsesDialect = { ...family, encrypted: 'none', takesReasoningOf: () => false }
