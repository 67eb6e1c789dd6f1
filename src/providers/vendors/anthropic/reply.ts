import { GatewayError } from '../../../domain/errors/error.ts'
import { type Citation, FinishReason } from '../../../domain/types.ts'
import type { ChatDecoder, ChatSink } from '../../define.ts'
import { charactersIn } from '../characters.ts'
import { endingOf } from '../finish-words.ts'
import { countOf, fieldsOf, isObject, type JsonFields, listOf, mergeCounts, parseJson, textOf } from '../json.ts'
import { ReplySource } from '../json-source.ts'
import { readError } from '../openai/error.ts'
import { ANSWER_TOOL } from './tools.ts'
import { readPromptUsage, readUsage } from './usage.ts'

/** Limit for the sources of one block. */
const MAX_CITATIONS = 1024
/** Limit for blocks that are open at once. The documentation allows one. */
const MAX_OPEN = 1024

/** A content block that has begun and not ended. */
type OpenBlock = TextBlock | ThinkingBlock | ToolBlock

interface TextBlock {
  readonly type: 'text'
  /** Offset in the text of the response, in characters. */
  readonly start: number
  /** Its sources. */
  readonly citations: unknown[]
}

interface ThinkingBlock {
  readonly type: 'thinking'
  /** Undefined until the block has content. */
  index: number | undefined
}

interface ToolBlock {
  readonly type: 'tool'
  /** Undefined if the call carries the response itself. */
  readonly index: number | undefined
  /** JSON text of the input in the block's first event; empty without input. */
  readonly input: string
  /** Whether input was passed on. */
  reported: boolean
}

/**
 * Reads a response, whole or as a stream. A stream has the same blocks, each with a beginning, pieces and an end, so
 * one reader serves both.
 * https://platform.claude.com/docs/en/api/messages/create
 * https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export class AnthropicDecoder implements ChatDecoder {
  readonly #sink: ChatSink
  readonly #source = new ReplySource()
  /** Open blocks by their index in the response. */
  readonly #blocks = new Map<number, OpenBlock>()
  #begun = false
  /** Counts reported so far; each report may hold only some of them. */
  #usage: JsonFields = {}
  #thoughts = 0
  #calls = 0
  /** Whether the response came as the call of a tool. */
  #answered = false
  #characters = 0

  constructor(sink: ChatSink) {
    this.#sink = sink
  }

  whole(body: unknown, text: string): void {
    this.#source.read(text, body)
    const message = fieldsOf(body)
    if (isFailure(body)) this.#sink.failWith(readError(body) ?? {})
    else if (!Array.isArray(message['content']))
      this.#sink.fail(malformed('The upstream sent a reply without content.'))
    else {
      this.#sink.identify(message['id'], message['model'])
      this.#report(message)
      for (const block of listOf(message['content'])) this.#wholeBlock(block)
      this.#stop(message)
      this.#sink.done()
    }
  }

  frame(data: string, event: string): void {
    if (data === '' || this.#sink.ended) return
    if (data === '[DONE]') {
      this.end()
      return
    }
    const fields = parseJson(data)
    this.#source.read(data, fields)
    if (event === 'error' || isFailure(fields)) this.#sink.failWith(readError(fields ?? data) ?? {})
    else if (isObject(fields)) this.#event(fields)
    else this.#sink.fail(malformed('The upstream sent a frame that is not a JSON object.'))
  }

  end(): void {
    if (this.#sink.ended) return
    if (this.#sink.stopped) this.#finish()
    else {
      const message = 'The upstream ended its reply without saying that it was complete.'
      this.#sink.fail(new GatewayError('UPSTREAM_STREAM_TRUNCATED', message, { fallback: true }))
    }
  }

  /** Ignores events of unknown types, as the vendor's documentation asks. */
  #event(event: JsonFields): void {
    const at = countOf(event['index']) ?? 0
    switch (event['type']) {
      case 'message_start':
        this.#begin(fieldsOf(event['message']))
        break
      case 'content_block_start':
        this.#openAt(at, fieldsOf(event['content_block']))
        break
      case 'content_block_delta':
        this.#continue(this.#blocks.get(at), fieldsOf(event['delta']))
        break
      case 'content_block_stop':
        this.#closeAt(at)
        break
      case 'message_delta':
        this.#report(event)
        this.#stop(fieldsOf(event['delta']))
        break
      case 'message_stop':
        this.#finish()
        break
    }
  }

  /** The event may come twice in one response, and may hold complete blocks. */
  #begin(message: JsonFields): void {
    this.#sink.identify(message['id'], message['model'])
    // The output count of this event is a placeholder.
    const { output_tokens: _, ...prompt } = fieldsOf(message['usage'])
    this.#usage = mergeCounts(this.#usage, prompt)
    const usage = readPromptUsage(this.#usage)
    if (usage) this.#sink.usage(usage)
    if (this.#begun) return
    this.#begun = true
    for (const block of listOf(message['content'])) this.#wholeBlock(block)
  }

  #report(holder: JsonFields): void {
    this.#usage = mergeCounts(this.#usage, fieldsOf(holder['usage']))
    const usage = readUsage(this.#usage)
    if (usage) this.#sink.usage(usage)
  }

  #wholeBlock(block: unknown): void {
    this.#close(this.#open(fieldsOf(block)))
  }

  #openAt(at: number, block: JsonFields): void {
    this.#closeAt(at)
    const open = this.#open(block)
    if (open && this.#blocks.size < MAX_OPEN) this.#blocks.set(at, open)
  }

  /** Ignores blocks of the vendor's own tools and of unknown types. */
  #open(block: JsonFields): OpenBlock | undefined {
    switch (block['type']) {
      case 'text': {
        const open: TextBlock = {
          type: 'text',
          start: this.#characters,
          citations: listOf(block['citations']).slice(0, MAX_CITATIONS),
        }
        this.#say(textOf(block['text']))
        return open
      }
      case 'thinking': {
        const open: ThinkingBlock = { type: 'thinking', index: undefined }
        this.#think(open, textOf(block['thinking']), textOf(block['signature']))
        return open
      }
      case 'redacted_thinking':
        if (textOf(block['data']) !== '') this.#sink.reasoning(this.#thoughts++, { redacted: textOf(block['data']) })
        return undefined
      case 'tool_use':
        return this.#call(block)
      default:
        return undefined
    }
  }

  #call(block: JsonFields): ToolBlock {
    const { id, name } = block
    const input = this.#inputOf(block)
    if (name === ANSWER_TOOL) {
      this.#answered = true
      return { type: 'tool', index: undefined, input, reported: false }
    }
    const index = this.#calls++
    this.#sink.toolCall(index, { id: textOf(id), name: textOf(name) })
    return { type: 'tool', index, input, reported: false }
  }

  /** The input of a tool is JSON; some models write it as a string with JSON inside. */
  #inputOf(block: JsonFields): string {
    const { input } = block
    if (typeof input === 'string') return input
    const isEmpty = input === undefined || input === null || (isObject(input) && Object.keys(input).length === 0)
    return isEmpty ? '' : this.#source.member(block, 'input')
  }

  #continue(block: OpenBlock | undefined, delta: JsonFields): void {
    switch (delta['type']) {
      case 'text_delta':
        this.#say(textOf(delta['text']))
        break
      case 'thinking_delta':
      case 'signature_delta':
        if (block?.type === 'thinking') this.#think(block, textOf(delta['thinking']), textOf(delta['signature']))
        break
      case 'input_json_delta':
        if (block?.type === 'tool') this.#argue(block, textOf(delta['partial_json']))
        break
      case 'citations_delta':
        if (block?.type === 'text' && block.citations.length < MAX_CITATIONS) block.citations.push(delta['citation'])
        break
    }
  }

  #closeAt(at: number): void {
    this.#close(this.#blocks.get(at))
    this.#blocks.delete(at)
  }

  /** Blocks without an end event end with the response. */
  #finish(): void {
    for (const at of [...this.#blocks.keys()]) this.#closeAt(at)
    this.#sink.done()
  }

  /** Sources belong to the whole block. Input of the first event counts if none came in pieces. */
  #close(block: OpenBlock | undefined): void {
    if (block?.type === 'text') {
      for (const citation of block.citations) this.#sink.citation(citationOf(citation, block.start, this.#characters))
    }
    if (block?.type === 'tool' && !block.reported) this.#argue(block, block.input || '{}')
  }

  #say(text: string): void {
    this.#characters += charactersIn(text)
    this.#sink.text(text)
  }

  #think(block: ThinkingBlock, text: string, signature: string): void {
    if (text === '' && signature === '') return
    block.index ??= this.#thoughts++
    this.#sink.reasoning(block.index, { text, signature })
  }

  #argue(block: ToolBlock, text: string): void {
    if (text === '') return
    block.reported = true
    if (block.index === undefined) this.#say(text)
    else this.#sink.toolCall(block.index, { arguments: text })
  }

  /** A response that came as the call of a tool ends with STOP. */
  #stop({ stop_reason: reason }: JsonFields): void {
    const raw = textOf(reason)
    const ending = raw === '' || this.#sink.stopped ? undefined : endingOf(raw)
    if (!ending) return
    const isAnswer = ending.reason === FinishReason.TOOL_CALLS && this.#answered && this.#calls === 0
    this.#sink.stop(isAnswer ? FinishReason.STOP : ending.reason, raw, ending.modelFailed)
  }
}

/** `{type: "error", error: {type, message}}`. https://platform.claude.com/docs/en/api/errors */
function isFailure(reply: unknown): boolean {
  const { type, error } = fieldsOf(reply)
  return type === 'error' || (error !== undefined && error !== null)
}

function malformed(message: string): GatewayError {
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}

/** https://platform.claude.com/docs/en/build-with-claude/citations */
function citationOf(citation: unknown, start: number, end: number): Citation {
  const { url, source, title, document_title: documentTitle, cited_text: text } = fieldsOf(citation)
  return {
    $typeName: 'llmgateway.v1.Citation',
    url: textOf(url) || textOf(source),
    title: textOf(title) || textOf(documentTitle),
    text: textOf(text),
    start,
    end,
  }
}
