import { streamReply, TEXT_EVENTS } from './servers/replies.ts'

/** A streamed answer of one wire, as it arrives: an event a chunk. */
export interface WireStream {
  readonly kind: string
  readonly contentType: string
  readonly chunks: readonly Buffer[]
}

const words = Array.from({ length: TEXT_EVENTS }, (_, index) => ` word${index}`)
const SSE = 'text/event-stream'

/** The same answer in the words of each vendor, with all that stands beside the text in their streams. */
export const wireStreams: readonly WireStream[] = [
  { kind: 'openai', contentType: SSE, chunks: streamReply.map((event) => Buffer.from(event)) },
  { kind: 'anthropic', contentType: SSE, chunks: anthropic().map((event) => sse(event, event.type)) },
  { kind: 'gemini', contentType: SSE, chunks: gemini().map((event) => sse(event)) },
  { kind: 'ollama', contentType: 'application/x-ndjson', chunks: ollama().map((line) => ndjson(line)) },
]

function anthropic() {
  const usage = { input_tokens: 27, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 }
  const message = { id: 'msg_01BenchBenchBench', type: 'message', role: 'assistant', model: 'claude-haiku-4-5' }
  return [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null, stop_sequence: null, usage } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    ...words.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 64 } },
    { type: 'message_stop' },
  ]
}

function gemini() {
  return words.map((text, index) => {
    const isLast = index === words.length - 1
    const content = { parts: [{ text }], role: 'model' }
    return {
      candidates: [{ content, ...(isLast && { finishReason: 'STOP' }), index: 0 }],
      usageMetadata: {
        promptTokenCount: 27,
        candidatesTokenCount: index + 1,
        totalTokenCount: 28 + index,
        promptTokensDetails: [{ modality: 'TEXT', tokenCount: 27 }],
      },
      modelVersion: 'gemini-2.5-flash',
      responseId: 'BenchBenchBenchBenchBench',
    }
  })
}

function ollama() {
  const head = { model: 'llama3.2', created_at: '2026-01-01T00:00:00.000000000Z' }
  const durations = { total_duration: 1e9, load_duration: 1e8, prompt_eval_duration: 1e8, eval_duration: 8e8 }
  return [
    ...words.map((content) => ({ ...head, message: { role: 'assistant', content }, done: false })),
    {
      ...head,
      message: { role: 'assistant', content: '' },
      done: true,
      done_reason: 'stop',
      ...durations,
      prompt_eval_count: 27,
      eval_count: TEXT_EVENTS,
    },
  ]
}

function sse(data: object, event?: string): Buffer {
  return Buffer.from(`${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`)
}

function ndjson(line: object): Buffer {
  return Buffer.from(`${JSON.stringify(line)}\n`)
}
