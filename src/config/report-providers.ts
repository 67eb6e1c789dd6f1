import type { ProviderKind, ProviderSettings } from '../providers/define.ts'
import type { Findings } from './findings.ts'

/** Reports assumed providers, and a gateway without providers. `found`: the providers of the gateway. */
export function reportProviders(
  found: readonly ProviderSettings[],
  kinds: readonly ProviderKind[],
  findings: Findings,
): void {
  const assumed = found.filter((provider) => provider.assumed)
  const names = assumed.map(({ name, baseUrl }) => `${name} at ${baseUrl}`).join(' and ')
  if (found.length === 0) {
    findings.notice(`No provider is configured, so every call will fail. To fix it, ${whatToDo(kinds)}.`)
  } else if (assumed.length === found.length) {
    findings.notice(`No provider is configured, so ${names} is assumed. Start it, ${whatToDo(kinds)}.`)
  } else if (assumed.length > 0) {
    findings.notice(`${names} is assumed, for calls that name it. Set LLM_PRIORITY_ORDER to choose the providers.`)
  }
}

function whatToDo(kinds: readonly ProviderKind[]): string {
  const variables = kinds.flatMap((kind) => (kind.key && !kind.keyOptional ? [kind.environment.keys?.[0] ?? ''] : []))
  const examples = variables.filter((name) => name !== '').slice(0, 3)
  const hint = examples.length > 0 ? `, or set the key of one, such as ${examples.join(' or ')}` : ''
  return `write providers in the file${hint}`
}
