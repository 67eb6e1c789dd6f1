import type { ProviderKind } from './define.ts'
import { hasName } from './names.ts'
import { anthropic } from './vendors/anthropic/kind.ts'
import { azure } from './vendors/azure.ts'
import { gemini } from './vendors/gemini/kind.ts'
import { ollama } from './vendors/ollama/kind.ts'
import { openai, presets } from './vendors/presets.ts'
import { selfHosted } from './vendors/self-hosted.ts'
import { simulator } from './vendors/simulator/kind.ts'

/** The only list of vendors. Everything that needs all of them is derived from it. */
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
  return among.find((kind) => hasName(kind, name))
}

export { hasName, namesOf, otherNames } from './names.ts'
export { upcoming } from './vendors/upcoming.ts'
