import { GatewayError } from '../../src/domain/errors/error.ts'
import { type Message, Role } from '../../src/domain/types.ts'
import { decodeWhole } from '../support/decode.ts'
import {
  type Encoded,
  type EncodeOptions,
  encodeChat,
  type RequestInit,
  responsesWireOf,
  wireOf,
} from '../support/encode.ts'
import type { VendorTurn } from './turns.ts'

/** The answer of a vendor, as its caller gets it. */
export async function answerOf({ kind, reply, options }: VendorTurn): Promise<Message> {
  const { response, error } = await decodeWhole(options ? responsesWireOf(kind) : wireOf(kind), reply)
  if (!response?.message) throw error ?? new Error('there is no answer')
  return response.message
}

/** The next request of a caller who puts the answer into it as it is, and answers its calls. */
export function nextRequest(answer: Message): RequestInit {
  const results = answer.toolCalls.map(({ id }) => ({ role: Role.TOOL, toolCallId: id, content: 'Rain.' }))
  const names = new Set(answer.toolCalls.map(({ name }) => name))
  const tools = [...names].map((name) => ({ name, parameters: '{"type":"object"}' }))
  const goOn = { role: Role.USER, content: 'Go on.' }
  return { messages: [{ role: Role.USER, content: 'Hi.' }, answer, ...results, goOn], tools }
}

/** Undefined where the target says that it cannot carry it. */
export function encoded(
  kind: string,
  request: RequestInit,
  options: Pick<EncodeOptions, 'model' | 'options'>,
): Encoded | undefined {
  try {
    return encodeChat(kind, request, options)
  } catch (error) {
    if (error instanceof GatewayError && error.reason === 'UNSUPPORTED') return undefined
    throw error
  }
}
