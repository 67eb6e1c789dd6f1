import { operations } from '../../domain/calls/operations.ts'
import { unsupported } from '../../domain/errors/error.ts'
import type { Ask } from '../../domain/ports/provider.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { ChatEvent, CompleteRequest } from '../../domain/types.ts'
import type { ChatContext, PreparedCompletion } from '../define.ts'
import { chatOf } from '../prompt-as-chat.ts'
import { askForText } from './ask-chat.ts'
import type { Connection } from './connection.ts'

/**
 * One text completion with a vendor over HTTP: at its own endpoint where the model is asked there, else as a chat.
 * Settles when the first meaningful event is in hand. Throws what encoding throws.
 */
export function askComplete(connection: Connection, ask: Ask<CompleteRequest>): Promise<EventStream<ChatEvent>> {
  const streamed = ask.streamed || connection.settings.streamUnary
  const context = connection.wireContext(ask, streamed)
  const { complete } = connection.wire
  const prepared = complete?.takes(context) ? complete.prepare(ask.request, context) : asChat(connection, ask, context)
  return askForText(connection, { ...prepared, ask, streamed, traits: operations.complete })
}

/** The prompt as a message of a user. */
function asChat(connection: Connection, ask: Ask<CompleteRequest>, context: ChatContext): PreparedCompletion {
  const { wire, settings } = connection
  if (ask.request.suffix !== '') throw unsupported('suffix', 'the target cannot fill in the middle')
  const target = `${settings.name}/${ask.model}`
  ask.attempt.warnings.push(`The prompt was sent as a chat: ${target} is not asked for text completions.`)
  const request = chatOf(ask.request)
  const format = wire.chooseChat?.(request, context) ?? wire.chat
  return { encoded: format.encode(request, context), format }
}
