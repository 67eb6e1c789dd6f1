import type { WireContext } from '../../define.ts'
import { isObject, type JsonFields } from '../json.ts'

/**
 * Names that Ollama reads in `options`; elsewhere they have no effect.
 * https://docs.ollama.com/modelfile#valid-parameters-and-values
 * https://github.com/ollama/ollama/blob/main/api/types.go (Options, Runner)
 */
const optionNames: ReadonlySet<string> = new Set([
  // Sampling.
  ...['temperature', 'top_k', 'top_p', 'min_p', 'typical_p', 'tfs_z', 'seed', 'stop', 'num_predict', 'num_keep'],
  ...['repeat_last_n', 'repeat_penalty', 'presence_penalty', 'frequency_penalty', 'penalize_newline'],
  ...['mirostat', 'mirostat_tau', 'mirostat_eta'],
  // Loading of the model; another value loads it again.
  ...['num_ctx', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'numa', 'use_mmap', 'use_mlock'],
  ...['low_vram', 'f16_kv', 'logits_all', 'vocab_only'],
])

/**
 * Fields of a body from the configuration and from `provider_options`, which take precedence. Known options, and those
 * of an `options` object, go into `options`, all others to the top level. `tuning` holds the options from the request
 * itself; they take precedence over the configuration.
 */
export function bodyFields({ options, extra }: Pick<WireContext, 'options' | 'extra'>, tuning: JsonFields): JsonFields {
  const fields: Record<string, unknown> = {}
  const inOptions: Record<string, unknown> = {}
  if (options['keep_alive'] !== undefined) fields['keep_alive'] = options['keep_alive']
  if (options['num_ctx'] !== undefined) inOptions['num_ctx'] = options['num_ctx']
  Object.assign(inOptions, tuning, givenOptions(extra))
  for (const [name, value] of Object.entries(extra)) {
    if (name !== 'options' && !optionNames.has(name)) fields[name] = value
  }
  return Object.keys(inOptions).length > 0 ? { ...fields, options: inOptions } : fields
}

/** Those of a call's own fields that are options. */
export function givenOptions({ options, ...rest }: JsonFields): JsonFields {
  const known = Object.entries(rest).filter(([name]) => optionNames.has(name))
  return { ...(isObject(options) ? options : {}), ...Object.fromEntries(known) }
}
