import type { MatchLogic, ModelInfo } from '@pydantic/genai-prices'
import type { PriceList } from './price-list.ts'

/*
 * The list matches many models by the beginning or a part of their name, so that it finds new versions:
 * `claude-sonnet-4-5-20250929` is `claude-sonnet-4-5`. But it also takes `claude-sonnet-5-5` for the `claude-sonnet-5`
 * that it knows, and `gemini-3.6-flash-lite` for `gemini-3.6-flash`. A match counts here only when nothing but a
 * version follows the name that it was found by.
 */

export function findModel(list: PriceList, pricesId: string, model: string): ModelInfo | undefined {
  // The list finds vendors by similar names too.
  if (list.findProvider({ providerId: pricesId })?.id !== pricesId) return undefined
  const info = list.calcPrice({}, model, { providerId: pricesId })?.model
  return info && isNameOf(info, model.toLowerCase()) ? info : undefined
}

/** Whether nothing but a version separates a name in lower case from one that an entry is found by. */
export function isNameOf(info: ModelInfo, model: string): boolean {
  const patterns = literalsOf(info.match)
  const names = new Set([info.id, ...patterns].map((name) => name.toLowerCase()))
  if (names.has(model)) return true
  // A fine-tuned model is named after its base model, which determines its price.
  if (patterns.some((pattern) => /^ft:|\.ft-/.test(pattern) && model.startsWith(pattern.toLowerCase()))) return true
  const known = new Set(Array.from(names, withoutVersion))
  return known.has(withoutVersion(model))
}

/** The literal texts of a pattern. */
function literalsOf(match: MatchLogic): string[] {
  if ('or' in match) return match.or.flatMap(literalsOf)
  if ('and' in match) return match.and.flatMap(literalsOf)
  if ('regex' in match) return []
  if ('equals' in match) return [match.equals]
  if ('starts_with' in match) return [match.starts_with]
  return ['contains' in match ? match.contains : match.ends_with]
}

/** A version at the end of a name: `-latest`, `-preview`, `-20250929`, `-2025-09-29`, `-05-06`, `-001`, `-v1:0`. */
const version =
  /[-@](?:latest|preview|exp|20\d{6}|20\d\d-\d\d-\d\d|(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])|\d{3,4}|v\d(?::\d)?|)$/

export function withoutVersion(name: string): string {
  for (let rest = name; ; ) {
    const shorter = rest.replace(version, '')
    if (shorter === rest) return rest
    rest = shorter
  }
}
