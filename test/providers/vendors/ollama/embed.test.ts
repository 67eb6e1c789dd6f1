import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { EmbedRequestSchema } from '../../../../src/domain/types.ts'
import { contextOf, type EncodeOptions, wireOf } from '../../../support/encode.ts'

const { embed } = wireOf('ollama')
if (!embed) throw new Error('ollama has no embeddings')
const { encode, decode } = embed

function body(dimensions?: number, options: EncodeOptions = {}): unknown {
  const request = create(EmbedRequestSchema, { inputs: ['a', 'b'], ...(dimensions !== undefined && { dimensions }) })
  return JSON.parse(encode(request, ['a', 'b'], contextOf({ model: 'nomic-embed-text', ...options })).body)
}

describe('a question for vectors', () => {
  it('asks for all of them at once', () => {
    expect(body()).toEqual({ model: 'nomic-embed-text', input: ['a', 'b'] })
    expect(body(256)).toEqual({ model: 'nomic-embed-text', input: ['a', 'b'], dimensions: 256 })
  })

  it('takes options, from the configuration and from the call', () => {
    const options = { keep_alive: '1h', num_ctx: 2048 }
    expect(body(undefined, { options, extra: { num_ctx: 8192, truncate: false } })).toMatchObject({
      keep_alive: '1h',
      truncate: false,
      options: { num_ctx: 8192 },
    })
  })
})

describe('a reply with vectors', () => {
  it('is read', () => {
    const reply = decode({
      model: 'nomic',
      embeddings: [
        [0.5, -1],
        [0, 1e-9],
      ],
      prompt_eval_count: 4,
    })
    expect(reply.vectors).toEqual([
      [0.5, -1],
      [0, 1e-9],
    ])
    expect(reply).toMatchObject({ model: 'nomic', usage: { input: 4, estimated: false } })
    expect(reply.usage).not.toHaveProperty('output')
  })

  it.each([
    ['nothing', null],
    ['no list', {}],
    ['an empty list', { embeddings: [] }],
    ['no vector', { embeddings: [null] }],
    ['an empty vector', { embeddings: [[]] }],
    ['a text in a vector', { embeddings: [[1, '2']] }],
    ['a null in the second', { embeddings: [[1], [null]] }],
    ['more than a float holds', { embeddings: [[1e39]] }],
    ['different lengths', { embeddings: [[1], [1, 2]] }],
    ['the older shape', { embedding: [1, 2] }],
  ])('is told as malformed: %s', (_, reply) => {
    expect(() => decode(reply)).toThrow(expect.objectContaining({ reason: 'UPSTREAM_MALFORMED', fallback: true }))
  })
})
