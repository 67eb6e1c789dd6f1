import {
  defaultIdempotencySettings as defaults,
  type IdempotencySettings,
} from '../../policies/idempotency/settings.ts'
import type { FileSettings } from '../file/schema.ts'

export function idempotencyOf(file: FileSettings['idempotency']): IdempotencySettings {
  return { ttl: file?.ttl ?? defaults.ttl, maxBytes: file?.max_bytes ?? defaults.maxBytes }
}
