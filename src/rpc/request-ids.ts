import { randomFillSync } from 'node:crypto'

const ID_BYTES = 16
const POOL_BYTES = 256 * ID_BYTES

/**
 * Makes ids of 128 random bits, in hex. Not UUIDs: Node's are strings of twenty pieces, of which a call would hold every
 * one.
 */
export function requestIds(): () => string {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
  let at = POOL_BYTES
  return () => {
    if (at === POOL_BYTES) {
      randomFillSync(pool)
      at = 0
    }
    at += ID_BYTES
    return pool.toString('hex', at - ID_BYTES, at)
  }
}
