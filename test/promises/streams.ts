import { setTimeout as pause } from 'node:timers/promises'
import { create, toBinary } from '@bufbuild/protobuf'
import { ChatRequestSchema, Role } from '../../src/domain/types.ts'
import { callFrame, flags, frame, frames, message, RawHttp2, uint32 } from '../support/raw-http2.ts'
import { delta, type Reply } from '../support/upstream-server.ts'

export const STREAM_CHAT = '/llmgateway.v1.LlmGateway/StreamChat'
const LARGEST_WINDOW = 2 ** 31 - 1
const FIRST_WINDOW = 65_535
/** The most that a socket is read at once. */
const BLOCK = 65_536

export const streamRequest = message(
  Buffer.from(
    toBinary(
      ChatRequestSchema,
      create(ChatRequestSchema, { model: 'house/m', messages: [{ role: Role.USER, content: 'hi' }] }),
    ),
  ),
)

/** A connection with so many streamed chats on it. Their readers take all there is, or nothing at all. */
export function openStreams(port: number, count: number, reads: boolean): { client: RawHttp2; ids: readonly number[] } {
  const client = new RawHttp2(port, { window: reads ? LARGEST_WINDOW : 0 })
  client.send(frame(frames.WINDOW_UPDATE, 0, 0, uint32(LARGEST_WINDOW - FIRST_WINDOW)))
  const ids = Array.from({ length: count }, (_, at) => 2 * at + 1)
  for (const id of ids) {
    client.send(callFrame(id, STREAM_CHAT), frame(frames.DATA, flags.END_STREAM, id, streamRequest))
  }
  return { client, ids }
}

/** Text without end in pieces of so many bytes, as fast as it is taken. */
export class Endless {
  readonly #block: string
  #takenAt = 0

  constructor(bytes: number) {
    const piece = delta('x'.repeat(bytes))
    this.#block = piece.repeat(Math.ceil(BLOCK / piece.length))
  }

  /** For how long nobody has taken any of it, in ms. */
  get quietFor(): number {
    return performance.now() - this.#takenAt
  }

  readonly reply: Reply = ({ response }) => {
    const write = () => {
      this.#takenAt = performance.now()
      while (!response.destroyed && response.write(this.#block));
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.on('drain', write)
    write()
  }
}

/** Looks every few ms. Throws after 100 s. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 100_000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it never came to: ${what}`)
    await pause(10)
  }
}
