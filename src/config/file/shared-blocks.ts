import type { z } from 'zod'
import { block, field } from './block.ts'
import { decimal, duration, integer, modelId, oneOf, type Reader } from './readers.ts'

/* Blocks and values that several parts of the file use. */

const maxTokens = integer(1, 2 ** 31 - 1)
export const temperature = decimal(0, 2)
export const defaultReaders = { maxTokens, temperature }

export const cacheEntries = integer(1, 100_000_000)
export const cacheStrategy = oneOf(['memory', 'redis', 'hybrid'])
export const cacheReaders = { ttl: duration(), maxEntries: cacheEntries, strategy: cacheStrategy }

export const defaultsBlock = block({
  temperature: field(temperature).optional(),
  max_tokens: field(maxTokens).optional(),
})

export const timeoutBlock = block({
  connect: field(duration()).optional(),
  first_token: field(duration()).optional(),
  idle: field(duration()).optional(),
  total: field(duration()).optional(),
})

export const count = integer(1, 2 ** 31 - 1)

export const limitsBlock = block({
  requests: field(count).optional(),
  tokens: field(count).optional(),
  concurrent: field(count).optional(),
  window: field(duration()).optional(),
})
export type LimitsEntry = z.output<typeof limitsBlock>

export const targetId: Reader<string> = {
  expects: 'a target such as provider/model',
  read: (value) => (/^[^/]+\/./.test(value) ? modelId.read(value) : undefined),
}

export const safetyLockBlock = block({ target: field(targetId) })
