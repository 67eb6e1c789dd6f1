import type { ProviderKind } from './define.ts'

/** The only list of vendors. Everything that must know them all derives from it. */
export const kinds: readonly ProviderKind[] = []

export function kindNamed(kind: string): ProviderKind | undefined {
  return kinds.find((candidate) => candidate.kind === kind)
}
