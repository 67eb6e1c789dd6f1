import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { type MessageSchema, type PartSchema, Role, type ToolSchema } from '../../../src/domain/types.ts'

/** Short ways to write the messages of a request. */

/** A message as it is written by hand: what is left out is empty. */
export type Init<S extends DescMessage> = Exclude<MessageInitShape<S>, MessageShape<S>>
type MessageInit = Init<typeof MessageSchema>
type PartInit = Init<typeof PartSchema>
type ToolInit = Init<typeof ToolSchema>

export function system(content: string): MessageInit {
  return { role: Role.SYSTEM, content }
}

export function developer(content: string): MessageInit {
  return { role: Role.DEVELOPER, content }
}

export function user(...content: readonly (string | PartInit)[]): MessageInit {
  return spoken(Role.USER, content)
}

export function assistant(content: string, more: Partial<MessageInit> = {}): MessageInit {
  return { role: Role.ASSISTANT, content, ...more }
}

export function result(toolCallId: string, ...content: readonly (string | PartInit)[]): MessageInit {
  return { ...spoken(Role.TOOL, content), toolCallId }
}

/** One text is the message's content; anything else are its parts. */
function spoken(role: Role, content: readonly (string | PartInit)[]): MessageInit {
  const [only] = content
  if (content.length === 1 && typeof only === 'string') return { role, content: only }
  return { role, parts: content.map((part) => (typeof part === 'string' ? text(part) : part)) }
}

export function text(value: string): PartInit {
  return { content: { case: 'text', value } }
}

/** A text that ends a prefix which the vendor is to cache for so many seconds. */
export function cachedText(value: string, seconds: number): PartInit {
  return { content: { case: 'text', value }, cacheTtl: { seconds: BigInt(seconds) } }
}

export function bytes(kind: 'image' | 'audio' | 'file', mimeType: string, base64: string, name = ''): PartInit {
  const source = { case: 'data', value: Buffer.from(base64, 'base64') } as const
  return { content: { case: kind, value: { source, mimeType, name } } }
}

export function at(kind: 'image' | 'audio' | 'file', url: string, mimeType = ''): PartInit {
  return { content: { case: kind, value: { source: { case: 'url', value: url }, mimeType } } }
}

export function call(id: string, name: string, args: string, signature = '') {
  return { id, name, arguments: args, signature }
}

export function tool(name: string, parameters?: object, more: Partial<ToolInit> = {}): ToolInit {
  return { name, parameters: parameters ? JSON.stringify(parameters) : '', ...more }
}

/** A PNG of one pixel. */
export const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=='
/** The beginning of a PDF. */
export const PDF = 'JVBERi0xLjQK'
/** The beginning of a WAV. */
export const WAV = 'UklGRiQAAABXQVZF'

export const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
export const weather = tool('get_weather', city, { description: 'The weather in a city.' })
export const time = tool('get_time', city)
