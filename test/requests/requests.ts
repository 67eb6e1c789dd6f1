import type { ChatRequestSchema } from '../../src/domain/types.ts'
import { answers } from './typed/answers.ts'
import { conversations } from './typed/conversations.ts'
import { media } from './typed/media.ts'
import type { Init } from './typed/said.ts'
import { tools } from './typed/tools.ts'

/** A request as a caller writes it, without the model. */
export type TypedRequest = Omit<Init<typeof ChatRequestSchema>, 'model' | 'provider'> & {
  /** Whether it is asked as a stream. */
  readonly streamed?: boolean
}

/** What every wire is asked, by name. */
export const requests = { ...conversations, ...media, ...tools, ...answers } satisfies Record<string, TypedRequest>

export type RequestName = keyof typeof requests

// The keys of the object that the type is made of.
export const requestNames = Object.keys(requests) as RequestName[]

export function requestNamed(name: RequestName): TypedRequest {
  return requests[name]
}
