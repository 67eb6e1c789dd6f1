import { type Decoded, decodeStream, decodeWhole, sse } from './decode.ts'
import { wireOf } from './encode.ts'

/** Replies of an OpenAI-like vendor, decoded. */
export const wire = wireOf('openai')

/** A whole answer with this message, and further fields beside its choices. */
export function whole(message: unknown, rest: object = {}): Promise<Decoded> {
  return decodeWhole(wire, {
    id: 'id-1',
    model: 'm-1',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    ...rest,
  })
}

/** A streamed answer of these chunks, each given as JSON or as the text itself. */
export function stream(...chunks: readonly unknown[]): Promise<Decoded> {
  return decodeStream(wire, [sse(...chunks)])
}

/** A chunk with the next pieces of the message, and further fields of its choice. */
export function delta(fields: object, rest: object = {}): object {
  return { id: 'id-1', model: 'm-1', choices: [{ index: 0, delta: fields, finish_reason: null, ...rest }] }
}

/** The last chunk of a choice. */
export const STOP = delta({}, { finish_reason: 'stop' })
