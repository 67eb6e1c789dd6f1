import type { LedgerSettings } from '../../stores/ledger/settings.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import type { FileSettings } from '../file/schema.ts'
import type { Findings } from '../findings.ts'

/** The ledger that the file or the environment asks for; undefined when costs are not recorded. */
export function ledgerOf(
  file: FileSettings['ledger'],
  env: EnvironmentSettings,
  findings: Findings,
): LedgerSettings | undefined {
  const settings = file?.url ?? env.ledgerUrl?.value
  if (settings?.store === 'memory') findings.notice('The ledger is in memory: its records end with the process.')
  return settings
}
