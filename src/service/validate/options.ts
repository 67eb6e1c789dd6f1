import type { JsonValue } from '@bufbuild/protobuf'
import { isTooDeep, MAX_DEPTH } from './json.ts'
import { entry, type Violations } from './violations.ts'

/** Keys that reach the prototype of an object if code copies them without care. */
export function isDangerousKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype'
}

/** Fields that bound the length of an answer, of all vendors. */
const outputLimits = [
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'max_new_tokens',
  'max_tokens_to_sample',
  'num_predict',
  'n_predict',
]
/** Fields that ask for several answers. */
const answerCounts = ['n', 'best_of', 'candidate_count']

/** Fields of `provider_options` that would override what the gateway decides, or change the shape of the reply. */
export const ownedByChat: ReadonlySet<string> = folded([
  ...['model', 'models', 'route', 'fallbacks', 'custom_llm_provider', 'api_base', 'base_url', 'api_key'],
  ...['messages', 'contents', 'input', 'prompt', 'tools', 'stream', 'stream_options', 'background'],
  // Proxies merge what is in them into the request.
  ...['extra_body', 'extra_headers', 'extra_query'],
  ...outputLimits,
  ...answerCounts,
])
export const ownedByComplete: ReadonlySet<string> = folded([
  ...ownedByChat,
  'suffix',
  // The texts around the gap, as llama.cpp names them.
  ...['input_prefix', 'input_suffix', 'input_extra'],
])
export const ownedByEmbed: ReadonlySet<string> = folded([...ownedByChat, 'inputs', 'requests', 'content'])

/** Length of the longest of these names, and more. */
const MAX_NAME_LENGTH = 64

/** Objects in which vendors take some of these fields. */
const nestedIn = folded(['options', 'generation_config', 'parameters'])
const ownedNested = folded([...outputLimits, ...answerCounts])

/**
 * The name as the most generous server compares it. Servers written in Go ignore case, by the rules of Unicode, and those
 * of protobuf take `max_tokens` and `maxTokens` alike. https://pkg.go.dev/encoding/json#Unmarshal
 */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase().replace(/[_-]/g, '')
}

function folded(names: Iterable<string>): ReadonlySet<string> {
  return new Set(Array.from(names, fold))
}

/** Adds what is wrong with the fields for single vendors. `owned`: the fields that the gateway sets itself. */
export function checkProviderOptions(
  options: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>,
  owned: ReadonlySet<string>,
  found: Violations,
): void {
  for (const [provider, fields] of Object.entries(options)) {
    const field = entry('provider_options', provider)
    if (isDangerousKey(provider)) {
      found.add(field, 'must have another key')
      continue
    }
    checkOwned(field, fields, owned, found)
    for (const [name, value] of Object.entries(fields)) {
      if (isFields(value) && nestedIn.has(fold(name))) checkOwned(`${field}.${name}`, value, ownedNested, found)
    }
    if (isTooDeep(fields)) found.add(field, `must not be nested deeper than ${MAX_DEPTH} levels`)
    else {
      const wrong = wrongIn(fields)
      if (wrong !== undefined) found.add(field, wrong)
    }
  }
}

function checkOwned(
  at: string,
  fields: Readonly<Record<string, JsonValue>>,
  owned: ReadonlySet<string>,
  found: Violations,
): void {
  for (const name of Object.keys(fields)) {
    const isOwned = name.length <= MAX_NAME_LENGTH && owned.has(fold(name))
    if (isOwned) found.add(`${at}.${name}`, 'must not be set; the gateway sets it')
  }
}

function isFields(value: JsonValue): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The first thing that is wrong in a value; undefined if nothing is. */
function wrongIn(value: JsonValue): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must contain finite numbers only'
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, inner] of Object.entries(value)) {
    if (isDangerousKey(key)) return 'must not contain the keys __proto__, constructor or prototype'
    const wrong = wrongIn(inner)
    if (wrong !== undefined) return wrong
  }
  return undefined
}
