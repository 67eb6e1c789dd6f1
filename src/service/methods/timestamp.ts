import type { Timestamp } from '@bufbuild/protobuf/wkt'

/** Wall time in ms as a timestamp. */
export function timestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000)
  const nanos = Math.floor((ms - seconds * 1000) * 1e6)
  return { $typeName: 'google.protobuf.Timestamp', seconds: BigInt(seconds), nanos }
}
