import { randomFrom } from './random.ts'

/** Damages bytes a few times: flips bits, cuts off, puts in, doubles. The same seed does the same. */
export function mutator(seed: number): (bytes: Buffer) => Buffer {
  const random = randomFrom(seed)
  const noise = (length: number) => Buffer.from(Array.from({ length }, () => random(256)))
  const ways: readonly ((bytes: Buffer, at: number) => Buffer)[] = [
    (bytes, at) => flipped(bytes, at, 1 << random(8)),
    (bytes, at) => flipped(bytes, at, 1 + random(255)),
    (bytes, at) => bytes.subarray(0, at),
    (bytes, at) => Buffer.concat([bytes.subarray(0, at), noise(1 + random(16)), bytes.subarray(at)]),
    (bytes, at) => {
      const end = at + 1 + random(bytes.length - at)
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    },
  ]
  return (bytes) => {
    let damaged = bytes
    for (let left = 1 + random(4); left > 0 && damaged.length > 0; left--) {
      damaged = ways[random(ways.length)]?.(damaged, random(damaged.length)) ?? damaged
    }
    return damaged
  }
}

function flipped(bytes: Buffer, at: number, bits: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ bits
  return copy
}
