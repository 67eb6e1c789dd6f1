import { GatewayError } from '../../../../domain/errors/error.ts'
import type { Citation } from '../../../../domain/types.ts'
import type { ChatDecoder, ChatSink } from '../../../define.ts'
import { endingOf } from '../../finish-words.ts'
import { countOf, fieldsOf, isObject, type JsonFields, listOf, parseJson, textOf } from '../../json.ts'
import { ReplySource } from '../../json-source.ts'
import { readError } from '../error.ts'
import { imagePart, Sound } from '../media.ts'
import { readUsage } from '../usage.ts'
import { emitText, ReasoningBlocks, thinkingText } from './reasoning.ts'
import { signatureOf, ToolCalls } from './tool-calls.ts'

/** Largest number of sources in one response. */
const MAX_CITATIONS = 1024

/**
 * Reads one response, whole or in chunks. The `delta` of a chunk holds the next pieces of what the `message` of a whole
 * response holds, so one reader serves both.
 * https://platform.openai.com/docs/api-reference/chat/object
 * https://platform.openai.com/docs/api-reference/chat/streaming
 * https://platform.openai.com/docs/api-reference/completions/object
 */
export class OpenAiDecoder implements ChatDecoder {
  readonly #sink: ChatSink
  readonly #isCompletion: boolean
  readonly #source = new ReplySource()
  readonly #toolCalls: ToolCalls
  readonly #reasoning: ReasoningBlocks
  readonly #sound = new Sound()
  /** Sources that have been passed on: Perplexity repeats them in every chunk. */
  readonly #cited = new Set<string>()

  /** `isCompletion`: whether it is that of an endpoint for text completion. */
  constructor(sink: ChatSink, isCompletion = false) {
    this.#sink = sink
    this.#isCompletion = isCompletion
    this.#toolCalls = new ToolCalls(sink, this.#source)
    this.#reasoning = new ReasoningBlocks(sink, this.#source)
  }

  whole(body: unknown, text: string): void {
    this.#source.read(text, body)
    const reply = fieldsOf(body)
    const choice = firstChoice(reply)
    if (isFailure(body)) this.#sink.failWith(readError(body) ?? {})
    else if (!choice) this.#sink.fail(malformed('The upstream sent a response without a choice. Check base_url.'))
    else {
      this.#head(reply, choice)
      this.#message(said(choice, 'message'), true)
      this.#choiceEnd(choice)
      if (!this.#sink.ended) this.#finish()
    }
  }

  frame(data: string, event: string): void {
    if (data === '' || this.#sink.ended) return
    if (data === '[DONE]') {
      this.#finish()
      return
    }
    const chunk = parseJson(data)
    this.#source.read(data, chunk)
    if (event === 'error') this.#sink.failWith(readError(chunk ?? data) ?? {})
    else if (!isObject(chunk) && !isFailure(chunk))
      this.#sink.fail(malformed('The upstream sent a frame that is not a JSON object.'))
    else this.#chunk(chunk)
  }

  end(): void {
    if (this.#sink.ended) return
    if (this.#sink.stopped) this.#finish()
    else {
      const message = 'The upstream ended its reply without saying that it was complete.'
      this.#sink.fail(new GatewayError('UPSTREAM_STREAM_TRUNCATED', message, { fallback: true }))
    }
  }

  #chunk(chunk: unknown): void {
    const fields = fieldsOf(chunk)
    const choice = firstChoice(fields)
    this.#head(fields, choice)
    if (choice) {
      this.#message(said(choice, 'delta'), false)
      this.#choiceEnd(choice)
    }
    // After the pieces that came with it: what was said before the failure stays.
    if (isFailure(chunk)) this.#sink.failWith(readError(chunk) ?? {})
  }

  /** The fields beside the choices. */
  #head(reply: JsonFields, choice: JsonFields | undefined): void {
    this.#sink.identify(reply['id'], reply['model'])
    // Groq reports usage in a field of its own, Moonshot in the choice.
    const reported = reply['usage'] ?? fieldsOf(reply['x_groq'])['usage'] ?? choice?.['usage']
    const usage = isObject(reported) ? readUsage(reported, reply['service_tier'], this.#isCompletion) : undefined
    if (usage) this.#sink.usage(usage)
    this.#sources(reply)
  }

  #message(message: JsonFields, whole: boolean): void {
    this.#thoughts(message)
    const { content, refusal } = message
    if (typeof content === 'string') this.#sink.text(content)
    else if (Array.isArray(content)) for (const part of content) this.#contentPart(fieldsOf(part))
    // Some servers send structured output as the object itself.
    else if (isObject(content)) this.#sink.text(this.#source.member(message, 'content'))
    if (typeof refusal === 'string' && refusal !== '') this.#sink.refusal(refusal)
    this.#calls(message, whole)
    this.#extras(message)
  }

  #thoughts(message: JsonFields): void {
    const { reasoning_details: details } = message
    if (Array.isArray(details)) {
      this.#reasoning.details(details, message)
      if (emitText(details)) return
    }
    this.#reasoning.plain(textOf(message['reasoning_content']) || textOf(message['reasoning']))
  }

  /** A part of content, as Mistral sends them and servers that mirror the request. */
  #contentPart(part: JsonFields): void {
    switch (part['type']) {
      case 'thinking':
        this.#reasoning.plain(thinkingText(part['thinking']))
        break
      case 'text':
        this.#sink.text(textOf(part['text']))
        break
      case 'refusal':
        this.#sink.refusal(textOf(part['refusal']))
        break
      case 'image_url':
        this.#image(part)
        break
    }
  }

  #calls(message: JsonFields, whole: boolean): void {
    const calls = listOf(message['tool_calls'])
    if (whole) this.#toolCalls.addWhole(calls)
    else this.#toolCalls.add(calls)
    this.#toolCalls.addLegacy(message['function_call'])
    const signature = signatureOf(message)
    if (signature !== '' && !this.#toolCalls.sign(signature)) this.#reasoning.sign(signature)
  }

  #extras(message: JsonFields): void {
    for (const image of listOf(message['images'])) this.#image(image)
    if (isObject(message['audio'])) this.#sound.add(message['audio'])
    for (const annotation of listOf(message['annotations'])) {
      const { url, title, content, start_index, end_index } = fieldsOf(fieldsOf(annotation)['url_citation'])
      if (textOf(url) !== '') this.#sink.citation(citationOf(url, title, content, start_index, end_index))
    }
  }

  #image(image: unknown): void {
    const part = imagePart(image)
    if (part) this.#sink.part(part)
  }

  /** The sources of the whole response. https://docs.perplexity.ai/api-reference/chat-completions-post */
  #sources(reply: JsonFields): void {
    for (const result of listOf(reply['search_results'])) {
      const { url, title, snippet } = fieldsOf(result)
      this.#cite(url, title, snippet)
    }
    for (const url of listOf(reply['citations'])) this.#cite(url, '', '')
  }

  #cite(url: unknown, title: unknown, text: unknown): void {
    if (textOf(url) === '' || this.#cited.has(textOf(url)) || this.#cited.size >= MAX_CITATIONS) return
    this.#cited.add(textOf(url))
    this.#sink.citation(citationOf(url, title, text))
  }

  #choiceEnd(choice: JsonFields): void {
    const raw = textOf(choice['finish_reason'])
    const ending = raw === '' || this.#sink.stopped ? undefined : endingOf(raw)
    if (ending) this.#sink.stop(ending.reason, raw, ending.modelFailed)
    if (isUnfiltered(choice)) this.#sink.warn("The vendor's content filter failed: the response was not filtered.")
    if (isObject(choice['error'])) this.#sink.failWith(readError(choice) ?? {})
  }

  #finish(): void {
    this.#toolCalls.flush()
    const sound = this.#sound.take()
    if (sound) this.#sink.part(sound)
    this.#sink.done()
  }
}

/** Whether a reply with status 200 holds a failure, as OpenAI writes it or as vLLM and Mistral once did. */
function isFailure(reply: unknown): boolean {
  const { error, object } = fieldsOf(Array.isArray(reply) ? reply[0] : reply)
  return (error !== undefined && error !== null && error !== '') || object === 'error'
}

/** What a choice says. A text completion has its text in the choice itself. */
function said(choice: JsonFields, member: 'message' | 'delta'): JsonFields {
  const message = choice[member] ?? choice['message']
  if (message === undefined && typeof choice['text'] === 'string') return { content: choice['text'] }
  return fieldsOf(message)
}

/** Further choices are not requested, and not read. */
function firstChoice({ choices }: JsonFields): JsonFields | undefined {
  for (const choice of listOf(choices)) if (isObject(choice) && !choice['index']) return choice
  return undefined
}

/** https://learn.microsoft.com/en-us/azure/ai-services/openai/concepts/content-filter */
function isUnfiltered(choice: JsonFields): boolean {
  const { error } = fieldsOf(choice['content_filter_results'] ?? choice['content_filter_result'])
  return isObject(error)
}

function malformed(message: string): GatewayError {
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}

function citationOf(url: unknown, title: unknown, text: unknown, start?: unknown, end?: unknown): Citation {
  const from = countOf(start)
  const to = countOf(end)
  return {
    $typeName: 'llmgateway.v1.Citation',
    url: textOf(url),
    title: textOf(title),
    text: textOf(text),
    ...(from !== undefined && { start: from }),
    ...(to !== undefined && { end: to }),
  }
}
