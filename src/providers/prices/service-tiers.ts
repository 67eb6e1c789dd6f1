import { withoutVersion } from './model-names.ts'

/**
 * What vendors charge for a service tier, as a multiple of their standard price. By the vendor's id in the price list,
 * tier and model; `*` stands for every model that the vendor serves in the tier.
 */
const factors: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>> = {
  openai: {
    // https://platform.openai.com/docs/guides/flex-processing, read 2026-11: the rates of the Batch API.
    flex: { '*': 0.5 },
    // https://openai.com/api-priority-processing, read 2026-11.
    priority: {
      'gpt-5.4': 2,
      'gpt-5.4-mini': 2,
      'gpt-5.2': 2,
      'gpt-5.1': 2,
      'gpt-5.1-codex': 2,
      'gpt-5': 2,
      'gpt-5-codex': 2,
      'gpt-5-mini': 1.8,
      'gpt-4.1': 1.75,
      'gpt-4.1-mini': 1.75,
      'gpt-4.1-nano': 2,
      'gpt-4o': 1.7,
      'gpt-4o-mini': 0.25 / 0.15,
      o3: 1.75,
      'o4-mini': 2 / 1.1,
    },
  },
  anthropic: {
    // https://platform.claude.com/docs/en/build-with-claude/batch-processing, read 2026-11.
    batch: { '*': 0.5 },
  },
}

/** Undefined where the price of the tier is not known. */
export function tierFactor(pricesId: string, model: string, tier: string): number | undefined {
  const byTier = ownMember(factors, pricesId)
  const byModel = byTier && ownMember(byTier, tier)
  return byModel && (ownMember(byModel, withoutVersion(model.toLowerCase())) ?? byModel['*'])
}

/** Names come from vendors and callers: `constructor` is not one of the tables. */
function ownMember<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
