import type { ChatSink } from '../../../define.ts'
import { countOf, fieldsOf, isObject, type JsonFields, textOf } from '../../json.ts'
import type { ReplySource } from '../../json-source.ts'
import { Arguments } from './arguments.ts'

/** A call with a higher number is no call: it is passed on as it is, and refused there. */
const HIGHEST_NUMBER = 1023

interface Call {
  /** As the vendor counts it. */
  readonly number: number
  /** As the caller counts it; undefined until its name is known. */
  index: number | undefined
  id: string
  name: string
  readonly arguments: Arguments
  signature: string
  /** Whether it came as `function_call`. */
  readonly legacy: boolean
}

/**
 * Joins the pieces of tool calls. OpenAI numbers the calls and sends `id` and `name` once; other servers number none or
 * all alike, repeat ids and names, change ids, or send each call whole. One rule covers them all. First the candidate,
 * the call that a piece may continue:
 *
 * - With a number, it is the call with this number and the piece's id, else the last call with this number. Where no call
 *   has the number and the piece has no name, it is the call with its id: some servers number the pieces.
 * - Without a number, it is the call with the piece's id, else the call that came last. In a list of several, pieces
 *   without numbers are numbered by their places, since they cannot all belong to one call.
 *
 * The piece continues the candidate unless one of these holds, which begins a new call:
 *
 * 1. It has another name. Arguments must never reach the wrong tool.
 * 2. It has a name and a new id, and either no number or a candidate without arguments. Ids tell calls apart, and calls
 *    without arguments exist. In the middle of arguments a new id means nothing: some servers give one to every piece.
 * 3. It has a name or a new id, and its arguments cannot follow the candidate's: these are complete, or an object would
 *    stand where none can. A call that is sent once more, with its id and its arguments, is dropped.
 */
export class ToolCalls {
  readonly #sink: ChatSink
  readonly #source: ReplySource
  readonly #byNumber = new Map<number, Call>()
  readonly #byId = new Map<string, Call>()
  readonly #calls: Call[] = []
  #opened = 0

  constructor(sink: ChatSink, source: ReplySource) {
    this.#sink = sink
    this.#source = source
  }

  /** The next pieces of calls. */
  add(items: readonly unknown[]): void {
    for (const [place, item] of items.entries()) {
      const number = countOf(fieldsOf(item)['index']) ?? (items.length > 1 ? place : undefined)
      const piece = this.#pieceOf(item)
      this.#extend(this.#callFor(number, piece), piece)
    }
  }

  /** Whole calls, whatever their numbers and ids. */
  addWhole(items: readonly unknown[]): void {
    for (const item of items) {
      const piece = this.#pieceOf(item)
      this.#extend(this.#begin(undefined, piece), piece)
    }
  }

  /** The one call, or its next piece, in the field that tools replaced. Servers that fill both repeat the call there. */
  addLegacy(functionCall: unknown): void {
    const last = this.#calls.at(-1)
    if (!isObject(functionCall) || (last && !last.legacy)) return
    const piece = { ...this.#pieceOf({ function: functionCall }), legacy: true }
    if (piece.name !== '' || piece.arguments !== '') this.#extend(last ?? this.#begin(undefined, piece), piece)
  }

  /** A proof of the whole turn belongs to its first call. False when there is none. */
  sign(signature: string): boolean {
    const [first] = this.#calls
    if (first) this.#extend(first, { id: '', name: '', arguments: '', signature })
    return first !== undefined
  }

  /** Hands out what was called without ever being named. */
  flush(): void {
    for (const call of this.#calls) if (call.index === undefined && !call.arguments.isBlank) this.#open(call)
  }

  #callFor(number: number | undefined, piece: Piece): Call {
    const candidate = this.#candidate(number, piece)
    const begins = !candidate || beginsAnother(candidate, piece, number !== undefined)
    return begins ? this.#begin(number, piece) : candidate
  }

  #candidate(number: number | undefined, { id, name }: Piece): Call | undefined {
    const known = id === '' ? undefined : this.#byId.get(id)
    if (number === undefined) return known ?? this.#calls.at(-1)
    if (known?.number === number) return known
    return this.#byNumber.get(number) ?? (name === '' ? known : undefined)
  }

  #begin(number: number | undefined, { id, legacy = false }: Piece): Call {
    const call: Call = {
      number: number ?? this.#calls.length,
      index: undefined,
      id,
      name: '',
      arguments: new Arguments(),
      signature: '',
      legacy,
    }
    this.#calls.push(call)
    this.#byNumber.set(call.number, call)
    return call
  }

  #extend(call: Call, piece: Piece): void {
    if (piece.id !== '') this.#identify(call, piece.id)
    const text = isRepeated(call, piece) ? '' : piece.arguments
    const signature = call.signature === '' ? piece.signature : ''
    call.name ||= piece.name
    call.arguments.add(text)
    call.signature ||= signature
    if (call.index !== undefined) {
      if (text !== '' || signature !== '') this.#sink.toolCall(call.index, { arguments: text, signature })
    } else if (call.name !== '' || call.number > HIGHEST_NUMBER) this.#open(call)
  }

  /** The caller gets the first id; pieces may come under any of them. */
  #identify(call: Call, id: string): void {
    call.id ||= id
    this.#byId.set(id, call)
  }

  #open(call: Call): void {
    call.index = call.number > HIGHEST_NUMBER ? call.number : this.#opened++
    const { id, name, signature } = call
    this.#sink.toolCall(call.index, { id, name, arguments: call.arguments.text, signature })
  }

  #pieceOf(item: unknown): Piece {
    const fields = fieldsOf(item)
    const called = fieldsOf(fields['function'])
    return {
      id: textOf(fields['id']),
      name: textOf(called['name']),
      arguments: this.#argumentsOf(called),
      signature: signatureOf(fields),
    }
  }

  /** A text by the specification; some servers send the object itself. */
  #argumentsOf(called: JsonFields): string {
    const { arguments: given } = called
    if (typeof given === 'string') return given
    return given === undefined || given === null ? '' : this.#source.member(called, 'arguments')
  }
}

/** Empty where it does not say. */
interface Piece {
  readonly id: string
  readonly name: string
  readonly arguments: string
  readonly signature: string
  readonly legacy?: boolean
}

/** The three cases of the rule, in their order. */
function beginsAnother(call: Call, piece: Piece, isNumbered: boolean): boolean {
  const isNamed = piece.name !== ''
  const hasNewId = piece.id !== '' && call.id !== '' && piece.id !== call.id
  if (isNamed && call.name !== '' && piece.name !== call.name) return true
  if (isNamed && hasNewId && (!isNumbered || call.arguments.isBlank)) return true
  if (!isNamed && !hasNewId) return false
  if (!call.arguments.isComplete) return !call.arguments.canTake(piece.arguments)
  return !isRepeated(call, piece) && (piece.arguments.trim() !== '' || (isNamed && hasNewId))
}

/** Whether a piece is its whole call, sent once more. */
function isRepeated(call: Call, piece: Piece): boolean {
  const mayBe =
    piece.name !== '' && piece.arguments !== '' && ((piece.id !== '' && piece.id === call.id) || call.legacy)
  return mayBe && call.arguments.isComplete && call.arguments.text === piece.arguments
}

/** https://ai.google.dev/gemini-api/docs/thought-signatures */
export function signatureOf(holder: JsonFields): string {
  const { google } = fieldsOf(holder['extra_content'])
  return textOf(fieldsOf(google)['thought_signature'])
}
