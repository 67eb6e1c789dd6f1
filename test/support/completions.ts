import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  type CompleteEvent,
  type CompleteRequestSchema,
  type CompleteResponse,
  LlmGateway,
} from '../../src/domain/types.ts'
import type { CallOptions, Outcome, ServerName, StreamOutcome } from './client.ts'
import type { Reply } from './upstream-server.ts'

export type CompleteInit = MessageInitShape<typeof CompleteRequestSchema>

const { complete: unary, streamComplete: stream } = LlmGateway.method

export function complete(
  server: ServerName,
  request: CompleteInit,
  options?: CallOptions,
): Promise<Outcome<CompleteResponse>> {
  return server.unary(unary, { prompt: 'Once', ...request }, options)
}

export interface StreamedCompletion extends StreamOutcome<CompleteEvent> {
  /** All text, joined. */
  readonly text: string
  /** What kinds of events came, in order. */
  readonly cases: readonly (string | undefined)[]
}

export async function streamComplete(
  server: ServerName,
  request: CompleteInit,
  options?: CallOptions,
): Promise<StreamedCompletion> {
  const outcome = await server.stream(stream, { prompt: 'Once', ...request }, options)
  const text = outcome.messages.map(({ event }) => (event.case === 'text' ? event.value.text : '')).join('')
  return { ...outcome, text, cases: outcome.messages.map(({ event }) => event.case) }
}

const USAGE = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 }

/** Answers as the endpoint that was asked does, whole or as a stream, with the words of a text. */
export function continues(...words: readonly string[]): Reply {
  return ({ hit, response }) => {
    const streamed = hit.json['stream'] === true
    const lines = streamed ? linesOf(hit.path, words) : [JSON.stringify(wholeOf(hit.path, words.join('')))]
    response.writeHead(200, { 'content-type': streamed ? typeOf(hit.path) : 'application/json' })
    response.end(lines.join(''))
  }
}

function typeOf(path: string): string {
  return path.startsWith('/api/') ? 'application/x-ndjson' : 'text/event-stream'
}

function wholeOf(path: string, text: string): object {
  if (path.startsWith('/api/')) return { ...generated(text), done: true, done_reason: 'stop', ...counts }
  if (path === '/infill') return { content: text, stop: true, stop_type: 'eos', ...infillCounts }
  const choice = isChat(path) ? { message: { role: 'assistant', content: text } } : { text }
  return { ...head(path), choices: [{ index: 0, ...choice, finish_reason: 'stop' }], usage: USAGE }
}

function linesOf(path: string, words: readonly string[]): string[] {
  if (path.startsWith('/api/')) {
    const last = { ...generated(''), done: true, done_reason: 'stop', ...counts }
    return [...words.map((word) => ({ ...generated(word), done: false })), last].map(
      (line) => `${JSON.stringify(line)}\n`,
    )
  }
  if (path === '/infill') {
    const last = { content: '', stop: true, stop_type: 'eos', ...infillCounts }
    return [...words.map((content) => ({ content, stop: false })), last].map(eventOf)
  }
  const pieces = words.map((word) => (isChat(path) ? { delta: { content: word } } : { text: word }))
  const chunks = pieces.map((piece) => ({ ...head(path), choices: [{ index: 0, ...piece, finish_reason: null }] }))
  const ending = { ...head(path), choices: [{ index: 0, text: '', finish_reason: 'stop' }], usage: USAGE }
  return [...chunks, ending].map(eventOf).concat('data: [DONE]\n\n')
}

function eventOf(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

function head(path: string): object {
  return { id: 'cmpl-1', model: 'm-2026', object: isChat(path) ? 'chat.completion' : 'text_completion' }
}

/** Mistral's endpoint answers like a chat, too. */
function isChat(path: string): boolean {
  return /chat|fim/.test(path)
}

const counts = { prompt_eval_count: 5, eval_count: 2 }
const infillCounts = { tokens_evaluated: 5, tokens_predicted: 2, model: 'm-2026' }

function generated(text: string): object {
  return { model: 'm-2026', response: text }
}
