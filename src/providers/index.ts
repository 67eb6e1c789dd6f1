import { azure } from './azure.ts'
import type { ProviderKind } from './define.ts'
import { openai, presets } from './presets.ts'
import { selfHosted } from './self-hosted.ts'
import { simulator } from './simulator.ts'

/** The only list of vendors. Everything that must know them all derives from it. */
export const kinds: readonly ProviderKind[] = [openai, azure, ...presets, ...selfHosted, simulator]

export function kindNamed(kind: string): ProviderKind | undefined {
  return kinds.find((candidate) => candidate.kind === kind)
}

export { upcoming } from './upcoming.ts'
