import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Turns pretenuring off. V8 learns from objects that are made at the start and live on that such objects are best made
 * old at once. Messages made by the same code for calls are garbage soon, and only long pauses of the collector would
 * remove them from the old generation.
 */
export function allocateYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

/**
 * Collects the garbage of the start, in some 30 ms. Until its first full collection V8 lets the old generation grow to a
 * size that a gateway never needs, and keeps the memory; from then on it allows a multiple of what is in use. Node 24
 * comes to that collection much later than Node 20.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc') // this global function exists with the flag
  setFlagsFromString('--no-expose-gc')
  collect()
}
