import { readPriceFile } from '../../providers/prices/price-file.ts'
import type { PriceFileSettings, PriceOverride, PriceSettings } from '../../providers/prices/settings.ts'
import { systemCode } from '../env/references.ts'
import type { FileSettings } from '../file/schema.ts'
import { type Findings, pathText } from '../findings.ts'
import { notConfigured, unknownProvider } from './routes.ts'

type PriceEntry = Extract<NonNullable<FileSettings['prices']>[string], { readonly input: number }>

export interface PriceSources {
  /** Names of the configured providers. */
  readonly providers: readonly string[]
  readonly findings: Findings
  /** Absolute form of a path in the file. */
  resolvePath(path: string): string
  /** Throws what Node throws. */
  readFile(path: string): string
}

/** The operator's prices. Targets and multipliers must name configured providers. */
export function pricesOf(block: FileSettings['prices'], sources: PriceSources): PriceSettings {
  const { providers, findings } = sources
  const { file, multipliers = {}, ...entries } = block ?? {}
  for (const name of Object.keys(multipliers)) {
    if (!providers.includes(name)) {
      findings.problem(pathText(['prices', 'multipliers', name]), notConfigured(name, providers))
    }
  }
  return {
    overrides: Object.fromEntries(
      Object.entries(entries).map(([target, price]) => {
        const fault = target.includes('/') ? unknownProvider(target, providers) : 'must be provider/model'
        if (fault !== undefined) findings.problem(pathText(['prices', target]), fault)
        return [target, overrideOf(price)]
      }),
    ),
    multipliers,
    ...(file !== undefined && { file: fileOf(file, sources) }),
  }
}

function overrideOf(price: PriceEntry): PriceOverride {
  return {
    input: price.input,
    output: price.output,
    ...(price.cached_input !== undefined && { cachedInput: price.cached_input }),
    ...(price.cache_write !== undefined && { cacheWrite: price.cache_write }),
    ...(price.cache_write_1h !== undefined && { cacheWrite1h: price.cache_write_1h }),
    ...(price.context_window !== undefined && { contextWindow: price.context_window }),
  }
}

function fileOf(path: string, { resolvePath, readFile, findings }: PriceSources): PriceFileSettings | undefined {
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    findings.problem('prices.file', `the file ${path} cannot be read (${systemCode(error)})`)
    return undefined
  }
  try {
    return { path: resolvePath(path), prices: readPriceFile(text) }
  } catch (error) {
    findings.problem('prices.file', `the file ${path} ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}
