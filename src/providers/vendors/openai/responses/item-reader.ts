import type { ChatSink } from '../../../define.ts'
import { charactersIn } from '../../characters.ts'
import { countOf, fieldsOf, type JsonFields, listOf, textOf } from '../../json.ts'
import { imageOf } from '../media.ts'
import { citationOf } from './citations.ts'
import { OutputItem } from './output-item.ts'

/** The most sources of one text. */
const MAX_CITATIONS = 1024

/** Reads the items of a response: messages, reasoning, tool calls and images. Items of the vendor's own tools are ignored. */
export class ItemReader {
  readonly #sink: ChatSink
  /** By their place in the output, or by their id where events do not say the place. */
  readonly #items = new Map<number | string, OutputItem>()
  #thoughts = 0
  #calls = 0
  /** Length of all text so far. */
  #characters = 0

  constructor(sink: ChatSink) {
    this.#sink = sink
  }

  open(event: JsonFields): void {
    const item = this.#itemOf(event, fieldsOf(event['item']))
    if (isCall(item)) this.#openCall(item)
  }

  text(event: JsonFields): void {
    this.#say(this.#itemOf(event), partOf(event), textOf(event['delta']))
  }

  refusal(event: JsonFields): void {
    this.#itemOf(event).said.add(partOf(event))
    this.#sink.refusal(textOf(event['delta']))
  }

  thought(event: JsonFields, from: 'summary' | 'content'): void {
    const part = countOf(event[from === 'summary' ? 'summary_index' : 'content_index']) ?? 0
    this.#think(this.#itemOf(event), from, part, textOf(event['delta']))
  }

  argument(event: JsonFields): void {
    const item = this.#itemOf(event)
    item.argued = true
    this.#argue(item, textOf(event['delta']))
  }

  annotation(event: JsonFields): void {
    this.#cite(this.#itemOf(event), partOf(event), event['annotation'])
  }

  /** The item as it is at its end: what has not been passed on is passed on now. */
  complete(event: JsonFields, whole: unknown): void {
    const fields = fieldsOf(whole)
    const item = this.#itemOf(event, fields)
    if (item.isDone) return
    item.isDone = true
    switch (textOf(fields['type']) || item.type) {
      case 'message':
        this.#completeMessage(item, fields)
        break
      case 'reasoning':
        this.#completeReasoning(item, fields)
        break
      case 'function_call':
      case 'custom_tool_call':
        this.#completeCall(item, fields)
        break
      case 'image_generation_call': {
        const image = imageOf(fields['result'], fields['output_format'])
        if (image) this.#sink.part(image)
        break
      }
    }
  }

  /** Passes on calls whose end was not reported. */
  flush(): void {
    for (const item of this.#items.values()) if (item.pending !== '') this.#openCall(item, true)
  }

  #itemOf(event: JsonFields, fields: JsonFields = {}): OutputItem {
    const id = textOf(event['item_id']) || textOf(fields['id'])
    const place = countOf(event['output_index']) ?? id
    const known = this.#items.get(place) ?? this.#items.get(id)
    if (known) return known
    const item = new OutputItem(fields)
    this.#items.set(place, item)
    return item
  }

  #completeMessage(item: OutputItem, { content }: JsonFields): void {
    for (const [part, whole] of listOf(content).entries()) {
      const { type, text, refusal, annotations } = fieldsOf(whole)
      if (!item.said.has(part)) {
        if (type === 'refusal') this.#sink.refusal(textOf(refusal))
        else this.#say(item, part, textOf(text))
      }
      for (const annotation of listOf(annotations).slice(item.cited.get(part) ?? 0)) this.#cite(item, part, annotation)
    }
  }

  #completeReasoning(item: OutputItem, { summary, content, encrypted_content: secret }: JsonFields): void {
    const parts = { summary: listOf(summary), content: listOf(content) }
    const from = item.thoughtIn ?? (parts.summary.length > 0 ? 'summary' : 'content')
    for (const [part, whole] of parts[from].entries()) {
      if (!item.thought.has(part)) this.#think(item, from, part, textOf(fieldsOf(whole)['text']))
    }
    if (textOf(secret) !== '') this.#sink.reasoning(this.#blockOf(item), { signature: textOf(secret) })
  }

  #completeCall(item: OutputItem, fields: JsonFields): void {
    item.id ||= textOf(fields['call_id'])
    item.name ||= textOf(fields['name'])
    const whole = textOf(fields['arguments']) || textOf(fields['input'])
    if (!item.argued) item.pending = whole
    if (item.index === undefined) this.#openCall(item, true)
    else if (!item.argued) this.#argue(item, whole)
  }

  #say(item: OutputItem, part: number, text: string): void {
    if (text === '') return
    if (!item.said.has(part)) {
      item.said.add(part)
      item.starts.set(part, this.#characters)
    }
    this.#characters += charactersIn(text)
    this.#sink.text(text)
  }

  #cite(item: OutputItem, part: number, annotation: unknown): void {
    const count = item.cited.get(part) ?? 0
    item.cited.set(part, count + 1)
    const citation = citationOf(annotation, item.starts.get(part) ?? this.#characters)
    if (citation && count < MAX_CITATIONS) this.#sink.citation(citation)
  }

  #think(item: OutputItem, from: 'summary' | 'content', part: number, text: string): void {
    item.thoughtIn ??= from
    if (text === '' || item.thoughtIn !== from) return
    item.thought.add(part)
    this.#sink.reasoning(this.#blockOf(item), { text })
  }

  #blockOf(item: OutputItem): number {
    item.index ??= this.#thoughts++
    return item.index
  }

  #argue(item: OutputItem, text: string): void {
    if (item.index === undefined) item.pending += text
    else if (text !== '') this.#sink.toolCall(item.index, { arguments: text })
  }

  /** A call begins with its name; at its end it begins without one. */
  #openCall(item: OutputItem, isEnd = false): void {
    if (item.index !== undefined || (item.name === '' && !isEnd)) return
    item.index = this.#calls++
    this.#sink.toolCall(item.index, { id: item.id, name: item.name, arguments: item.pending })
  }
}

function isCall({ type }: OutputItem): boolean {
  return type === 'function_call' || type === 'custom_tool_call'
}

function partOf(event: JsonFields): number {
  return countOf(event['content_index']) ?? 0
}
