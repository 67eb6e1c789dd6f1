import { isDeepStrictEqual } from 'node:util'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { isObject } from '../../src/providers/vendors/json.ts'
import { type Encoded, encodeChat, type RequestInit } from '../support/encode.ts'
import type { Field } from './parameter-sections.ts'

/** What becomes of a field at a vendor's model, in a word: how the request with it departs from the one without. */
export function cellOf(kind: string, model: string, field: Field, values: boolean): string {
  const [got, base] = [field.with, field.without].map((request) => encoded(kind, model, request))
  if (!got || !base) return 'no'
  const reported = got.leftOut.length > base.leftOut.length
  if (got.path.split('?')[0] !== base.path.split('?')[0]) return 'Responses API'
  const changes = changesIn('', base.json, got.json)
  if (changes.length === 0) return reported ? 'warns' : (field.otherwise ?? '–')
  const isSaid = changes.every(({ path }) =>
    /^(messages|contents|input|instructions|system|systemInstruction)$/.test(path),
  )
  const shown = changes.map(({ path, value }) => `\`${values ? `${path}: ${JSON.stringify(value)}` : path}\``)
  return `${isSaid ? 'yes' : shown.join(', ')}${reported ? ' (warns)' : ''}`
}

/** Undefined where the vendor cannot carry it. */
function encoded(kind: string, model: string, request: RequestInit): Encoded | undefined {
  try {
    return encodeChat(kind, request, { model })
  } catch (error) {
    if (error instanceof GatewayError && error.reason === 'UNSUPPORTED') return undefined
    throw error
  }
}

interface Change {
  /** As in `options.seed`. */
  readonly path: string
  readonly value: unknown
}

/** Objects that hold fields of all sorts: what stands in them is named, not they. */
const holders: readonly string[] = ['options', 'generationConfig', 'output_config']

function changesIn(path: string, before: unknown, after: unknown): Change[] {
  if (isDeepStrictEqual(before, after)) return []
  const isHolder = path === '' || holders.includes(path) || isObject(before)
  if (!isObject(after) || !isHolder) return [{ path, value: after }]
  const earlier = isObject(before) ? before : {}
  return Object.entries(after).flatMap(([name, value]) =>
    changesIn(path === '' ? name : `${path}.${name}`, earlier[name], value),
  )
}
