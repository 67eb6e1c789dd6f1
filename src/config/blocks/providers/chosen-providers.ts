import type { ProviderSettings } from '../../../providers/define.ts'
import { kindNamed } from '../../../providers/index.ts'
import type { OldProviderEntry } from '../../file/old-block.ts'
import type { FileSettings } from '../../file/schema.ts'
import type { Preference } from '../routes.ts'
import { discoveredProviders, type ProviderSources, writtenProviders } from './providers.ts'

/** The providers of the file; if it has none, those whose key or address is in the environment. */
export function providersOf(
  file: FileSettings,
  { primary, others }: Preference,
  sources: ProviderSources,
): readonly ProviderSettings[] {
  const old = oldProviders(file, sources)
  if (!file.providers) {
    return discoveredProviders(old, { primary: primary?.value, others: others?.value ?? [] }, sources)
  }
  for (const kind of Object.keys(old)) {
    sources.findings.problem(
      `llm_gateway.${kind}`,
      'is the older form, which cannot stand beside providers: move it there',
    )
  }
  return writtenProviders(file.providers, sources)
}

/** The providers in the block of older gateways, by kind. */
function oldProviders(file: FileSettings, { kinds, findings }: ProviderSources): Record<string, OldProviderEntry> {
  const { primary_provider, fallback_providers, cache, ...providers } = file.llm_gateway ?? {}
  const known: Record<string, OldProviderEntry> = {}
  // Every other key of the block holds the settings of one provider.
  for (const [kind, entry] of Object.entries(providers) as [string, OldProviderEntry | undefined][]) {
    if (entry === undefined) continue
    const found = kindNamed(kind, kinds)
    if (found) known[found.kind] = entry
    else findings.notice(`llm_gateway.${kind}: not used yet, this version has no provider ${kind}.`)
  }
  return known
}
