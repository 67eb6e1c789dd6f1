import type { ChatSink } from '../../../define.ts'
import { fieldsOf, type JsonFields, listOf, textOf } from '../../json.ts'
import { elementsOf, type ReplySource } from '../../json-source.ts'

/** The place of reasoning that comes as plain text. */
const PLAIN = 'plain'

/** Joins the pieces of a model's reasoning, sent as plain text or as OpenRouter's details. */
export class ReasoningBlocks {
  readonly #sink: ChatSink
  readonly #source: ReplySource
  /** The blocks by their place in the vendor's reply. */
  readonly #blocks = new Map<unknown, number>()
  #count = 0

  constructor(sink: ChatSink, source: ReplySource) {
    this.#sink = sink
    this.#source = source
  }

  /** The next piece of plain text. */
  plain(text: string): void {
    if (text !== '') this.#sink.reasoning(this.#blockAt(PLAIN), { text })
  }

  /** A signature of the whole turn. */
  sign(signature: string): void {
    this.#sink.reasoning(this.#blockAt(PLAIN), { signature })
  }

  /**
   * The details of a message, or their next pieces. An encrypted one is kept as it is, with its id and format, since it
   * must go back unchanged. https://openrouter.ai/docs/use-cases/reasoning-tokens
   */
  details(details: readonly unknown[], message: JsonFields): void {
    let sources: readonly string[] | undefined
    for (const [place, detail] of details.entries()) {
      const { type, text, summary, signature, index } = fieldsOf(detail)
      if (type === 'reasoning.encrypted') {
        sources ??= elementsOf(this.#source.member(message, 'reasoning_details'))
        this.#sink.reasoning(this.#count++, { redacted: sources[place] ?? '' })
      } else {
        const piece = { text: textOf(text) || textOf(summary), signature: textOf(signature) }
        if (piece.text !== '' || piece.signature !== '') this.#sink.reasoning(this.#blockAt(index ?? PLAIN), piece)
      }
    }
  }

  #blockAt(place: unknown): number {
    const known = this.#blocks.get(place)
    if (known !== undefined) return known
    this.#blocks.set(place, this.#count)
    return this.#count++
  }
}

/** Whether the details hold the text that OpenRouter repeats beside them as `reasoning`. */
export function emitText(details: readonly unknown[]): boolean {
  return details.some((detail) => {
    const { text, summary } = fieldsOf(detail)
    return textOf(text) !== '' || textOf(summary) !== ''
  })
}

/** Mistral's thinking: a text, or a list of parts with text. https://docs.mistral.ai/capabilities/reasoning/ */
export function thinkingText(thinking: unknown): string {
  if (typeof thinking === 'string') return thinking
  return listOf(thinking)
    .map((part) => textOf(fieldsOf(part)['text']))
    .join('')
}
