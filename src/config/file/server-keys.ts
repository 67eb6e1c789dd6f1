import type { z } from 'zod'
import type { ServerSettings } from '../../server/settings.ts'
import { field } from './block.ts'
import { duration, integer, memorySize, messageSize, type Reader } from './readers.ts'

/** The settings of one value type. */
type SettingOf<T> = {
  [Name in keyof ServerSettings]: ServerSettings[Name] extends T ? Name : never
}[keyof ServerSettings]
type Key = readonly [SettingOf<number>, Reader<number>]
type Keys = Readonly<Record<string, Key>>

const MILLION = 1_000_000

/** The keys of `server` that are settings of the servers: by key, the setting and what its text must be. */
export const serverKeys = {
  drain: ['drain', duration(0)],
  max_receive_bytes: ['maxReceiveBytes', messageSize],
  max_send_bytes: ['maxSendBytes', messageSize],
  max_streams: ['maxStreams', integer(1, MILLION)],
  max_deadline: ['maxDuration', duration()],
  max_batch_deadline: ['maxBatchDuration', duration()],
  heartbeat: ['heartbeat', duration()],
  keepalive: ['keepalive', duration()],
  max_connection_age: ['maxConnectionAge', duration()],
} as const satisfies Keys

/** The same for `server.limits`. */
export const serverLimitKeys = {
  connections: ['maxConnections', integer(1, MILLION)],
  connections_per_address: ['maxConnectionsPerAddress', integer(1, MILLION)],
  read_timeout: ['readTimeout', duration()],
  stall_timeout: ['stallTimeout', duration()],
  header_bytes: ['maxHeaderBytes', messageSize],
  pending_bytes: ['maxPendingBytes', messageSize],
  reply_bytes: ['maxReplyBytes', memorySize],
  compressed_calls: ['maxCompressedCalls', integer(1, 1000)],
  resets: ['maxResets', integer(1, MILLION)],
  loop_delay: ['maxLoopDelay', duration()],
} as const satisfies Keys

/** The fields of a block that has these keys, all of them optional. */
export function fieldsOf(keys: Keys): Record<string, z.ZodOptional> {
  return Object.fromEntries(Object.entries(keys).map(([key, [, reader]]) => [key, field<unknown>(reader).optional()]))
}

/** The settings that a block has values for. */
export function settingsOf(keys: Keys, block: Readonly<Record<string, unknown>> = {}): Partial<ServerSettings> {
  const written = Object.entries(keys).filter(([key]) => block[key] !== undefined)
  // The reader of a key reads values of its setting's type.
  return Object.fromEntries(written.map(([key, [setting]]) => [setting, block[key]])) as Partial<ServerSettings>
}
