import type { ToolCallPiece } from '../../../../domain/streams/events.ts'
import { fieldsOf, isObject, type JsonFields, listOf, textOf } from '../../json.ts'
import type { ReplySource } from '../../json-source.ts'

/** Limits for the length of a list and the depth of a path in arguments. */
const MAX_ITEMS = 1024
const MAX_DEPTH = 64

type Step = string | number

/**
 * A call whose arguments arrive in pieces, each with its path. Only the first piece has a name.
 * https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc
 */
export class PartialCall {
  readonly #source: ReplySource
  readonly #args = emptyObject()
  #id = ''
  #name = ''
  #signature = ''

  constructor(source: ReplySource) {
    this.#source = source
  }

  add(call: JsonFields, signature: string): void {
    this.#id ||= textOf(call['id'])
    this.#name ||= textOf(call['name'])
    this.#signature ||= signature
    for (const piece of listOf(call['partialArgs'])) this.#put(fieldsOf(piece))
  }

  whole(): ToolCallPiece {
    return { id: this.#id, name: this.#name, arguments: print(this.#args), signature: this.#signature }
  }

  #put(piece: JsonFields): void {
    const steps = stepsOf(textOf(piece['jsonPath']))
    const last = steps.pop()
    if (last === undefined || steps.length >= MAX_DEPTH || [...steps, last].some(isTooFar)) return
    let holder: object = this.#args
    for (const [index, step] of steps.entries()) {
      const next = steps[index + 1] ?? last
      const found = valueAt(holder, step)
      const inner = isHolder(found) ? found : typeof next === 'number' ? [] : emptyObject()
      if (inner !== found && !put(holder, step, inner)) return
      holder = inner
    }
    const before = valueAt(holder, last)
    const value = this.#valueOf(piece)
    put(holder, last, typeof before === 'string' && typeof value === 'string' ? before + value : value)
  }

  #valueOf(piece: JsonFields): unknown {
    const { stringValue, numberValue, boolValue } = piece
    if (stringValue !== undefined) return textOf(stringValue)
    if (typeof numberValue === 'number') return new SourceNumber(this.#source.member(piece, 'numberValue'))
    return typeof boolValue === 'boolean' ? boolValue : null
  }
}

/** A number as it stands in the reply. */
class SourceNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Skipped places in a list are null. */
function print(value: unknown): string {
  if (value instanceof SourceNumber) return value.text
  if (Array.isArray(value)) return `[${Array.from(value, print).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value ?? null)
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${print(member)}`)
  return `{${members.join(',')}}`
}

function isHolder(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof SourceNumber)
}

/** Whether this is a piece of a call. */
export function isPartial(call: JsonFields): boolean {
  return call['willContinue'] === true || call['partialArgs'] !== undefined
}

/** Steps of a path such as `$.cities[0].name`. */
function stepsOf(path: string): Step[] {
  const steps = path.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\['([^']*)'\]/g)
  return Array.from(steps, ([, name, index, quoted]) => name ?? quoted ?? Number(index))
}

function isTooFar(step: Step): boolean {
  return typeof step === 'number' && step >= MAX_ITEMS
}

function valueAt(holder: object, step: Step): unknown {
  return Object.hasOwn(holder, step) ? Reflect.get(holder, step) : undefined
}

/** Sets an element by number or a member by name; false if the holder is of the other kind. */
function put(holder: object, step: Step, value: unknown): boolean {
  return Array.isArray(holder) === (typeof step === 'number') && Reflect.set(holder, step, value)
}

/** Names come from the vendor and must not reach a prototype. */
function emptyObject(): object {
  return Object.create(null)
}
