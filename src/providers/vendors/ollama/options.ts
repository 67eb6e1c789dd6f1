import type { WireContext } from '../../define.ts'
import { isObject, type JsonFields } from '../json.ts'

/**
 * The names that Ollama reads in `options`; beside it they would have no effect.
 * https://docs.ollama.com/modelfile#valid-parameters-and-values
 * https://github.com/ollama/ollama/blob/main/api/types.go (Options, Runner)
 */
const optionNames: ReadonlySet<string> = new Set([
  // How it samples.
  ...['temperature', 'top_k', 'top_p', 'min_p', 'typical_p', 'tfs_z', 'seed', 'stop', 'num_predict', 'num_keep'],
  ...['repeat_last_n', 'repeat_penalty', 'presence_penalty', 'frequency_penalty', 'penalize_newline'],
  ...['mirostat', 'mirostat_tau', 'mirostat_eta'],
  // How it loads the model: another value loads it anew.
  ...['num_ctx', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'numa', 'use_mmap', 'use_mlock'],
  ...['low_vram', 'f16_kv', 'logits_all', 'vocab_only'],
])

/**
 * The fields of a body that come from the configuration and, above them, from `provider_options`: of the latter the
 * known options, and those of an `options` object, go into `options`, all others to the top level. `tuning` is what the
 * request itself sets there: it outranks the configuration.
 */
export function bodyFields({ options, extra }: Pick<WireContext, 'options' | 'extra'>, tuning: JsonFields): JsonFields {
  const { options: given, ...rest } = extra
  const fields: Record<string, unknown> = {}
  const inOptions: Record<string, unknown> = {}
  if (options['keep_alive'] !== undefined) fields['keep_alive'] = options['keep_alive']
  if (options['num_ctx'] !== undefined) inOptions['num_ctx'] = options['num_ctx']
  Object.assign(inOptions, tuning, isObject(given) ? given : {})
  for (const [name, value] of Object.entries(rest)) {
    if (optionNames.has(name)) inOptions[name] = value
    else fields[name] = value
  }
  return Object.keys(inOptions).length > 0 ? { ...fields, options: inOptions } : fields
}
