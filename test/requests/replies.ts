import type { VendorReply, VendorRequest } from '../support/vendor-server.ts'
import type { RequestWire } from './wires.ts'

/** A vendor's shortest good answer, whole or streamed as it was asked. */
export function replyTo({ answers }: RequestWire, { path, body }: VendorRequest): VendorReply {
  const streamed = path.includes(':streamGenerateContent') || /"stream":\s*true/.test(body)
  return streamed ? streams[answers] : whole(wholes[answers])
}

function whole(body: unknown): VendorReply {
  return { pieces: [JSON.stringify(body)] }
}

function sse(...events: readonly string[]): VendorReply {
  return { contentType: 'text/event-stream', pieces: events.map((event) => `${event}\n\n`) }
}

const wholes: Readonly<Record<RequestWire['answers'], unknown>> = {
  openai: {
    id: 'r1',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
  },
  responses: {
    id: 'r1',
    object: 'response',
    status: 'completed',
    output: [{ type: 'message', id: 'm1', role: 'assistant', content: [{ type: 'output_text', text: 'Hi.' }] }],
  },
  anthropic: {
    id: 'r1',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: 'Hi.' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 1, output_tokens: 1 },
  },
  gemini: {
    candidates: [{ content: { role: 'model', parts: [{ text: 'Hi.' }] }, finishReason: 'STOP' }],
  },
  ollama: { model: 'm', message: { role: 'assistant', content: 'Hi.' }, done: true, done_reason: 'stop' },
}

const streams: Readonly<Record<RequestWire['answers'], VendorReply>> = {
  openai: sse(
    'data: {"id":"r1","choices":[{"index":0,"delta":{"content":"Hi."},"finish_reason":"stop"}]}',
    'data: [DONE]',
  ),
  responses: sse(
    'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hi."}',
    `event: response.completed\ndata: ${JSON.stringify({ type: 'response.completed', response: wholes.responses })}`,
  ),
  anthropic: sse(
    'event: message_start\ndata: {"type":"message_start","message":{"id":"r1","type":"message","role":"assistant","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}',
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi."}}',
    'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}',
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}',
    'event: message_stop\ndata: {"type":"message_stop"}',
  ),
  gemini: sse(`data: ${JSON.stringify(wholes.gemini)}`),
  ollama: { contentType: 'application/x-ndjson', pieces: [`${JSON.stringify(wholes.ollama)}\n`] },
}
