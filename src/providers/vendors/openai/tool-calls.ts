import type { ChatSink } from '../../define.ts'
import { countOf, fieldsOf, type JsonFields, jsonOf, parseJson, textOf } from '../json.ts'

/** A call with a higher number is no call: the sink is asked to take it as it is, and refuses. */
const HIGHEST_NUMBER = 1023

interface Call {
  /** As the vendor counts it. */
  readonly number: number
  /** As the caller counts it; undefined until its name is known. */
  index: number | undefined
  id: string
  name: string
  arguments: string
  signature: string
  /** Whether the vendor gives every piece of it another id. */
  restless: boolean
}

/**
 * Joins the pieces of tool calls. OpenAI numbers the calls and sends `id` and `name` once; others number none, or all
 * alike, repeat ids and names, or send each call whole.
 */
export class ToolCalls {
  readonly #sink: ChatSink
  readonly #byIndex = new Map<number, Call>()
  readonly #calls: Call[] = []
  #opened = 0

  constructor(sink: ChatSink) {
    this.#sink = sink
  }

  /** The next piece of a call. */
  add(item: unknown): void {
    const { index } = fieldsOf(item)
    const piece = pieceOf(item)
    this.#extend(this.#callFor(countOf(index), piece), piece)
  }

  /** A whole call, whatever its number. */
  addWhole(item: unknown): void {
    this.#extend(this.#begin(), pieceOf(item))
  }

  /** The one call, or its next piece, of before there were tools. */
  addLegacy(functionCall: unknown): void {
    const piece = pieceOf({ function: functionCall })
    if (piece.name !== '' || piece.arguments !== '') this.#extend(this.#calls.at(-1) ?? this.#begin(), piece)
  }

  /** A proof of the whole turn belongs to its first call. False when there is none. */
  sign(signature: string): boolean {
    const [first] = this.#calls
    if (first) this.#extend(first, { id: '', name: '', arguments: '', signature })
    return first !== undefined
  }

  /** Hands out what was called without ever being named. */
  flush(): void {
    for (const call of this.#calls) if (call.index === undefined && call.arguments !== '') this.#open(call)
  }

  #callFor(index: number | undefined, { id, name }: Piece): Call {
    if (index !== undefined) {
      const known = this.#byIndex.get(index)
      return known && !isAnother(known, id, name) ? known : this.#begin(index)
    }
    const known = id === '' ? undefined : this.#calls.findLast((call) => call.id === id)
    const continued = id === '' && name === '' ? this.#calls.at(-1) : undefined
    return known ?? continued ?? this.#begin()
  }

  #begin(number = this.#calls.length): Call {
    const call = { number, index: undefined, id: '', name: '', arguments: '', signature: '', restless: false }
    this.#calls.push(call)
    this.#byIndex.set(number, call)
    return call
  }

  #extend(call: Call, piece: Piece): void {
    const signature = call.signature === '' ? piece.signature : ''
    call.id ||= piece.id
    call.name ||= piece.name
    call.arguments += piece.arguments
    call.signature ||= signature
    if (call.index !== undefined) {
      if (piece.arguments !== '' || signature !== '') {
        this.#sink.toolCall(call.index, { arguments: piece.arguments, signature })
      }
    } else if (call.name !== '' || call.number > HIGHEST_NUMBER) this.#open(call)
  }

  #open(call: Call): void {
    call.index = call.number > HIGHEST_NUMBER ? call.number : this.#opened++
    const { id, name, signature } = call
    this.#sink.toolCall(call.index, { id, name, arguments: call.arguments, signature })
  }
}

/** Empty where it does not say. */
interface Piece {
  readonly id: string
  readonly name: string
  readonly arguments: string
  readonly signature: string
}

function pieceOf(item: unknown): Piece {
  const fields = fieldsOf(item)
  const called = fieldsOf(fields['function'])
  return {
    id: textOf(fields['id']),
    name: textOf(called['name']),
    arguments: argumentsOf(called['arguments']),
    signature: signatureOf(fields),
  }
}

/**
 * Whether a piece with a known number begins another call. Some servers number every call 0: then the one before is
 * complete. Others give every piece a new id and the name again: then it is not.
 */
function isAnother(call: Call, id: string, name: string): boolean {
  if (call.restless || id === '' || name === '' || call.id === '' || call.id === id) return false
  call.restless = parseJson(call.arguments) === undefined
  return !call.restless
}

/** A text by the book; some servers send the object itself. */
function argumentsOf(given: unknown): string {
  if (typeof given === 'string') return given
  return typeof given === 'object' && given !== null ? jsonOf(given) : ''
}

/** https://ai.google.dev/gemini-api/docs/thought-signatures */
export function signatureOf(holder: JsonFields): string {
  const { google } = fieldsOf(holder['extra_content'])
  return textOf(fieldsOf(google)['thought_signature'])
}
