import { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { CountOptions, CountTarget } from '../../domain/ports/provider.ts'
import type { ChatRequest } from '../../domain/types.ts'
import type { Connection } from './connection.ts'
import { fetchJson } from './fetch-json.ts'

/** The vendor's own count of a chat's input tokens; undefined where it offers none. Rejects when the vendor fails. */
export async function countTokens(
  connection: Connection,
  request: ChatRequest,
  { model, defaults }: CountTarget,
  { timeout, cancellation }: CountOptions,
  keyId: string,
): Promise<number | undefined> {
  const { wire, settings, clock } = connection
  const { count } = wire
  if (!count) return undefined
  const attempt = new AttemptRecord(settings.name, model, clock.now())
  const context = connection.wireContext({ request, model, defaults, strict: false, attempt })
  const chat = count.api === 'responses' && wire.responses ? wire.responses : wire.chat
  const { body: text, path, headers } = chat.encode(request, context)
  const encoded = { fields: JSON.parse(text), path, headers, model }
  const until = clock.now() + timeout
  let body: unknown
  for (const step of count.steps) {
    const outgoing = connection.request('POST', step(encoded, body), keyId)
    const reply = await fetchJson(connection, outgoing, { model, timeout: until - clock.now(), cancellation })
    body = reply.body
  }
  return count.read(body)
}
