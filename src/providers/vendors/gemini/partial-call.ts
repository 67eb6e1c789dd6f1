import type { ToolCallPiece } from '../../../domain/events.ts'
import { fieldsOf, type JsonFields, jsonOf, listOf, textOf } from '../json.ts'

/** The longest list, and the deepest path, that arguments may have here. */
const MAX_ITEMS = 1024
const MAX_DEPTH = 64

type Step = string | number

/**
 * A call whose arguments come piece by piece, each with its place; only its first piece has a name.
 * https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc
 */
export class PartialCall {
  readonly #args = emptyObject()
  #id = ''
  #name = ''
  #signature = ''

  add(call: JsonFields, signature: string): void {
    this.#id ||= textOf(call['id'])
    this.#name ||= textOf(call['name'])
    this.#signature ||= signature
    for (const piece of listOf(call['partialArgs'])) this.#put(fieldsOf(piece))
  }

  whole(): ToolCallPiece {
    return { id: this.#id, name: this.#name, arguments: jsonOf(this.#args), signature: this.#signature }
  }

  #put(piece: JsonFields): void {
    const steps = stepsOf(textOf(piece['jsonPath']))
    const last = steps.pop()
    if (last === undefined || steps.length >= MAX_DEPTH || [...steps, last].some(isTooFar)) return
    let holder: object = this.#args
    for (const [index, step] of steps.entries()) {
      const next = steps[index + 1] ?? last
      const found = valueAt(holder, step)
      const inner = typeof found === 'object' && found !== null ? found : typeof next === 'number' ? [] : emptyObject()
      if (inner !== found && !put(holder, step, inner)) return
      holder = inner
    }
    const before = valueAt(holder, last)
    const value = pieceValue(piece)
    put(holder, last, typeof before === 'string' && typeof value === 'string' ? before + value : value)
  }
}

/** Whether more of the call is to come, or this is more of one. */
export function isPartial(call: JsonFields): boolean {
  return call['willContinue'] === true || call['partialArgs'] !== undefined
}

/** `$.cities[0].name` as its steps. */
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

/** Lists are counted, objects have names: false where a step is of the other sort. */
function put(holder: object, step: Step, value: unknown): boolean {
  return Array.isArray(holder) === (typeof step === 'number') && Reflect.set(holder, step, value)
}

function pieceValue({ stringValue, numberValue, boolValue }: JsonFields): unknown {
  return stringValue ?? numberValue ?? boolValue ?? null
}

/** Names come from the vendor: none of them may reach a prototype. */
function emptyObject(): object {
  return Object.create(null)
}
