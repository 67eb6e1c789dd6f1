import type { Duration } from '@bufbuild/protobuf/wkt'
import { type CacheControl, CacheMode } from '../../domain/types.ts'
import type { Violations } from './violations.ts'

/** In seconds: 30 days. */
const LONGEST = 30 * 24 * 3600

export function checkCache({ mode, ttl, maxAge, namespace }: CacheControl, found: Violations): void {
  if (CacheMode[mode] === undefined) found.add('cache.mode', 'must be one of its names')
  if (ttl && !(seconds(ttl) > 0 && seconds(ttl) <= LONGEST)) {
    found.add('cache.ttl', 'must be above 0 and at most 30 days')
  }
  if (maxAge && !(seconds(maxAge) >= 0 && seconds(maxAge) <= LONGEST)) {
    found.add('cache.max_age', 'must be 0 to 30 days')
  }
  if (!/^[\w.:-]{0,128}$/.test(namespace)) found.add('cache.namespace', 'must be 1 to 128 of A-Z a-z 0-9 _ . : -')
}

function seconds(duration: Duration): number {
  return Number(duration.seconds) + duration.nanos / 1e9
}
