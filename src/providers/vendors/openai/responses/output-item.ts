import { type JsonFields, textOf } from '../../json.ts'

/**
 * An item of the response, and how far it has been passed on. Deltas carry it in pieces, and its end and the response's
 * end repeat it whole; what had no deltas is taken from there.
 */
export class OutputItem {
  readonly type: string
  /** Content parts that have been passed on, as text or refusal, by their index. */
  readonly said = new Set<number>()
  /** How many sources of each content part have been passed on. */
  readonly cited = new Map<number, number>()
  /** Where each text begins in the response, in characters. */
  readonly starts = new Map<number, number>()
  /** Which of its texts is passed on as reasoning: vendors that send both say the same in each. */
  thoughtIn: 'summary' | 'content' | undefined
  /** Parts of the reasoning that have been passed on. */
  readonly thought = new Set<number>()
  /** The index of its block of reasoning, or of its tool call, as the caller counts; undefined until it has one. */
  index: number | undefined
  id: string
  name: string
  /** Arguments that came before the name. */
  pending = ''
  /** Whether arguments have come in pieces. */
  argued = false
  /** Whether all of it has been passed on. */
  isDone = false

  constructor(item: JsonFields) {
    this.type = textOf(item['type'])
    this.id = textOf(item['call_id'])
    this.name = textOf(item['name'])
  }
}
