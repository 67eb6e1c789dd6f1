/** A way in which the bytes of a reply arrive. */
export interface Slicing {
  readonly name: string
  slice(body: Buffer): Buffer[]
}

const SEED = 20_260_101
const MAX_PIECE_LENGTH = 97

export const slicings: readonly Slicing[] = [
  { name: 'whole', slice: (body) => [body] },
  { name: 'bytes', slice: (body) => cut(body, () => 1) },
  { name: 'random', slice: (body) => cut(body, randomLengths(SEED)) },
]

function cut(body: Buffer, nextLength: () => number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const end = at + nextLength()
    pieces.push(body.subarray(at, end))
    at = end
  }
  return pieces
}

/** The same lengths in every run. https://en.wikipedia.org/wiki/Linear_congruential_generator */
function randomLengths(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return 1 + Math.floor((state / 2 ** 32) * MAX_PIECE_LENGTH)
  }
}
