import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { type ChatEvent, ChatEventSchema } from '../domain/types.ts'

/** The events of a chat, each after its length. */
export function encodeEvents(events: readonly ChatEvent[]): Uint8Array[] {
  return events.flatMap((event) => {
    const bytes = toBinary(ChatEventSchema, event)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return [length, bytes]
  })
}

export function decodeEvents(body: Buffer): ChatEvent[] {
  const events: ChatEvent[] = []
  for (let at = 0; at < body.length; ) {
    const end = at + 4 + body.readUInt32BE(at)
    events.push(fromBinary(ChatEventSchema, body.subarray(at + 4, end)))
    at = end
  }
  return events
}
