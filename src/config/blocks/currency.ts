import type { Currency } from '../../domain/money.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import type { FileSettings } from '../file/schema.ts'
import type { Findings } from '../findings.ts'

/** The currency that admins see costs in beside USD; undefined for none. Another one than USD needs a rate. */
export function currencyOf(
  file: FileSettings['cost'],
  env: EnvironmentSettings,
  findings: Findings,
): Currency | undefined {
  const found = file?.currency ? { from: 'cost.currency', value: file.currency } : env.costCurrency
  const code = found?.value ?? 'USD'
  const usdRate = file?.usd_rate ?? env.costUsdRate?.value
  if (code === 'USD') {
    if (usdRate !== undefined && usdRate !== 1) {
      findings.notice('cost.usd_rate has no effect without a currency: set COST_CURRENCY or cost.currency.')
    }
    return undefined
  }
  if (usdRate === undefined) {
    findings.problem(
      found?.from ?? 'cost.currency',
      `${code} needs a rate: set cost.usd_rate or LLM_GATEWAY_COST_USD_RATE to the price of one USD in ${code}`,
    )
    return undefined
  }
  return { code, usdRate }
}
