import { type Decoded, decodeStream, decodeWhole, sse } from './decode.ts'
import { wireOf } from './encode.ts'

/** Replies of Anthropic, decoded. */
export const wire = wireOf('anthropic')

const HEAD = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-1' }

/** A whole answer of these content blocks, and further fields beside them. */
export function whole(content: readonly unknown[], rest: object = {}): Promise<Decoded> {
  const usage = { input_tokens: 3, output_tokens: 2 }
  return decodeWhole(wire, { ...HEAD, content, stop_reason: 'end_turn', usage, ...rest })
}

/** A streamed answer of these events, each given as JSON or as the text itself. */
export function stream(...events: readonly unknown[]): Promise<Decoded> {
  return decodeStream(wire, [sse(...events)])
}

/** The first event. */
export function start(message: object = {}): object {
  const usage = { input_tokens: 3, output_tokens: 1 }
  return { type: 'message_start', message: { ...HEAD, content: [], stop_reason: null, usage, ...message } }
}

/** A content block: its beginning, its pieces, its end. */
export function block(index: number, content: object, ...deltas: readonly object[]): object[] {
  return [
    { type: 'content_block_start', index, content_block: content },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]
}

export function textBlock(index: number, ...pieces: readonly string[]): object[] {
  return block(index, { type: 'text', text: '' }, ...pieces.map((text) => ({ type: 'text_delta', text })))
}

/** The last two events. */
export function stop(reason = 'end_turn', usage: object = { output_tokens: 2 }): object[] {
  return [
    { type: 'message_delta', delta: { stop_reason: reason, stop_sequence: null }, usage },
    { type: 'message_stop' },
  ]
}
