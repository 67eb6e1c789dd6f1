import { describe, expect, test } from 'vitest'
import type { CachedEntry } from '../../../src/domain/ports/cache.ts'
import { finishEvent, textEvent } from '../../../src/domain/streams/events.ts'
import { FinishReason } from '../../../src/domain/types.ts'
import { decodeStored, encodeStored } from '../../../src/stores/cache/cache-codec.ts'

const idOf = (letter: string) => letter.repeat(43)

function chatOf(...texts: string[]): CachedEntry {
  const finish = finishEvent({
    finishReason: FinishReason.STOP,
    rawFinishReason: 'stop',
    usage: { $typeName: 'llmgateway.v1.Usage', input: 3, output: 0, estimated: false },
    cost: { $typeName: 'llmgateway.v1.Cost', usd: 0.5, inputUsd: 0.5, outputUsd: 0, estimated: false },
  })
  return { answer: { kind: 'chat', events: [...texts.map((text) => textEvent(text)), finish] }, storedAt: 17, bytes: 1 }
}

const vector: CachedEntry = {
  answer: {
    kind: 'vector',
    vector: { values: [0.5, -1, 2], provider: 'up', model: 'm', responseModel: 'r', usd: 0.25 },
  },
  storedAt: 17,
  bytes: 1,
}

describe('an answer as bytes', () => {
  test.each([
    ['a chat', chatOf('Hel', 'lo')],
    ['a vector', vector],
    [
      'a vector without a price',
      {
        ...vector,
        answer: {
          kind: 'vector',
          vector: { ...(vector.answer.kind === 'vector' && vector.answer.vector), usd: undefined },
        },
      } as CachedEntry,
    ],
  ])('is read again as it was: %s', (_, kept) => {
    const stored = decodeStored(idOf('a'), encodeStored(idOf('a'), { entry: kept, until: 99 }))
    expect(stored?.entry.answer).toEqual(kept.answer)
    expect(stored).toMatchObject({ entry: { storedAt: 17 }, until: 99 })
  })

  test('is not read once a single bit is another, nor under another id', () => {
    const bytes = encodeStored(idOf('a'), { entry: chatOf('x'), until: 99 })
    expect(decodeStored(idOf('b'), bytes)).toBeUndefined()
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeStored(idOf('a'), damaged), `bit ${bit}`).toBeUndefined()
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeStored(idOf('a'), bytes.subarray(0, length))).toBeUndefined()
    }
  })
})
