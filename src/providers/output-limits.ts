/**
 * The most output tokens of one response, by model id; vendors refuse a larger `max_tokens`. The first row that matches
 * counts. Ids may have a prefix or a suffix that a cloud or a router adds.
 */
const limits: readonly (readonly [models: RegExp, tokens: number])[] = [
  // https://platform.openai.com/docs/models, 2026-11
  [/gpt-4o-2024-05-13|gpt-4-turbo|gpt-3\.5|gpt-4o?-(audio|realtime)/, 4_096],
  [/gpt-4o/, 16_384],
  [/gpt-4\.1/, 32_768],
  [/gpt-4\.5/, 16_384],
  [/gpt-4/, 8_192],
  [/gpt-5(\.\d+)?-chat/, 16_384],
  [/gpt-5-pro/, 272_000],
  [/gpt-([5-9]|1\d)/, 128_000],
  [/(^|[/:])o[1-9]/, 100_000],
  // https://platform.claude.com/docs/en/about-claude/models/overview, 2026-11
  [/claude-(instant|2|3-(opus|sonnet|haiku))/, 4_096],
  [/claude-3-5/, 8_192],
  [/claude-(opus-4-(0|1|2)|opus-4$|4-opus)/, 32_000],
  [/claude/, 64_000],
  // https://ai.google.dev/gemini-api/docs/models, 2026-11
  [/gemini-(1|2\.0)|gemma/, 8_192],
  [/gemini/, 65_536],
  // https://api-docs.deepseek.com/quick_start/pricing, 2026-11
  [/deepseek-chat/, 8_192],
  [/deepseek-reasoner/, 65_536],
]

/** Undefined for a model of which nothing is known. */
export function outputLimit(model: string): number | undefined {
  return limits.find(([models]) => models.test(model))?.[1]
}
