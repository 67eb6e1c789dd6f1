import type { Duration } from '@bufbuild/protobuf/wkt'
import { type CacheControl, CacheMode } from '../../domain/types.ts'
import type { Violations } from './violations.ts'

/** 30 days in seconds. */
const MAX_AGE = 30 * 24 * 3600

/** Adds what is wrong with how the call uses the cache. */
export function checkCache({ mode, ttl, maxAge, namespace }: CacheControl, found: Violations): void {
  if (CacheMode[mode] === undefined) found.add('cache.mode', 'must be a known mode')
  if (ttl && !(seconds(ttl) > 0 && seconds(ttl) <= MAX_AGE)) {
    found.add('cache.ttl', 'must be above 0 and at most 30 days')
  }
  if (maxAge && !(seconds(maxAge) >= 0 && seconds(maxAge) <= MAX_AGE)) {
    found.add('cache.max_age', 'must be 0 to 30 days')
  }
  if (!/^[\w.:-]{0,128}$/.test(namespace))
    found.add('cache.namespace', 'must be 1 to 128 characters of A-Z a-z 0-9 _ . : -')
}

function seconds(duration: Duration): number {
  return Number(duration.seconds) + duration.nanos / 1e9
}
