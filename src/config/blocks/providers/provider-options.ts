import { z } from 'zod'
import type { ProviderKind } from '../../../providers/define.ts'
import type { Variables } from '../../env/variables.ts'
import { report } from '../../file/issues.ts'
import { type ProviderEntry, providerShape } from '../../file/provider-block.ts'
import { type Findings, pathText } from '../../findings.ts'

interface Gathered {
  readonly values: ReadonlyMap<string, unknown>
  /** Variables that values came from. */
  readonly sources: ReadonlyMap<string, string>
}

/** The options of the kind, checked. What the entry leaves out comes from the kind's variables. */
export function optionsOf(
  kind: ProviderKind,
  entry: ProviderEntry,
  path: readonly string[],
  { variables, findings }: { readonly variables: Variables; readonly findings: Findings },
): Readonly<Record<string, unknown>> {
  const { values, sources } = gather(kind, entry, variables)
  const read = z.object(kind.options ?? {}).safeParse(Object.fromEntries(values))
  if (read.success) return read.data
  for (const issue of read.error.issues) {
    const option = String(issue.path[0])
    const variable = sources.get(option)
    const names = values.has(option) ? undefined : kind.environment.options?.[option]
    if (variable) report([{ ...issue, path: issue.path.slice(1) }], [variable], findings)
    else if (names) findings.problem(pathText([...path, ...issue.path]), missing(names))
    else report([issue], path, findings)
  }
  return {}
}

function gather(kind: ProviderKind, entry: ProviderEntry, variables: Variables): Gathered {
  const written = Object.entries(entry).filter(
    ([key, value]) => !Object.hasOwn(providerShape, key) && value !== undefined,
  )
  const values = new Map<string, unknown>(written)
  const sources = new Map<string, string>()
  for (const [option, names] of Object.entries(kind.environment.options ?? {})) {
    const found = values.has(option) ? undefined : variables.first(names)
    if (!found) continue
    sources.set(option, found.from)
    values.set(option, found.value)
  }
  return { values, sources }
}

/** Reason for a setting that can be in the file or in a variable. */
export function missing(names: readonly string[]): string {
  return `is missing: write it, or set ${names.join(' or ')}`
}
