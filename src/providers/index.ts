import { anthropic } from './anthropic/kind.ts'
import { azure } from './azure.ts'
import type { ProviderKind } from './define.ts'
import { gemini } from './gemini/kind.ts'
import { goesBy } from './names.ts'
import { ollama } from './ollama/kind.ts'
import { openai, presets } from './presets.ts'
import { selfHosted } from './self-hosted.ts'
import { simulator } from './simulator.ts'

/** The only list of vendors. Everything that must know them all derives from it. */
export const kinds: readonly ProviderKind[] = [
  openai,
  azure,
  anthropic,
  gemini,
  ...presets,
  ...selfHosted,
  ollama,
  simulator,
]

export function kindNamed(name: string, among = kinds): ProviderKind | undefined {
  return among.find((kind) => goesBy(kind, name))
}

export { goesBy, namesOf, otherNames } from './names.ts'
export { upcoming } from './upcoming.ts'
