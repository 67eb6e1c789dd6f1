import { create } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EmbedRequestSchema } from '../../../../src/domain/types.ts'
import { contextOf, type EncodeOptions, wireOf } from '../../../support/encode.ts'

function embedOf(kind: string) {
  const { embed } = wireOf(kind)
  if (!embed) throw new Error(`${kind} has no embeddings`)
  return embed
}

function encode(kind: string, dimensions?: number, options: EncodeOptions = {}) {
  const request = create(EmbedRequestSchema, { inputs: ['a', 'b'], ...(dimensions !== undefined && { dimensions }) })
  const { path, body } = embedOf(kind).encode(request, ['a', 'b'], contextOf(options))
  return { path, json: JSON.parse(body) }
}

const { decode } = embedOf('openai')

function base64(values: readonly number[]): string {
  return Buffer.from(new Float32Array(values).buffer).toString('base64')
}

describe('a question for vectors', () => {
  it('asks for base64 where it is offered', () => {
    expect(encode('openai', 256, { model: 'text-embedding-3-small' })).toEqual({
      path: '/embeddings',
      json: { model: 'text-embedding-3-small', input: ['a', 'b'], encoding_format: 'base64', dimensions: 256 },
    })
    expect(encode('mistral', 256).json).toEqual({ model: 'm', input: ['a', 'b'], output_dimension: 256 })
  })

  it('is refused where the length cannot be chosen: other vectors would not compare', () => {
    expect(() => encode('together', 256)).toThrow(expect.objectContaining({ reason: 'UNSUPPORTED' }))
  })

  it("merges the vendor's own fields last", () => {
    expect(encode('openai', undefined, { extra: { encoding_format: 'float', user: 'u' } }).json).toMatchObject({
      encoding_format: 'float',
      user: 'u',
    })
  })

  it('is split at the batch of the vendor', () => {
    expect(embedOf('openai').limits).toEqual({ inputs: 2048, tokens: 300_000 })
    expect(embedOf('mistral').limits).toEqual({ inputs: 512, tokens: 16_384 })
  })
})

describe('a reply with vectors', () => {
  it('is put in the order of the index, whichever encoding the server chose', () => {
    const data = [
      { index: 1, embedding: [0.25, -1] },
      { index: 0, embedding: base64([0.5, 2]) },
    ]
    const usage = { prompt_tokens: 4, completion_tokens: 0, total_tokens: 4 }
    const reply = decode({ data, model: 'm', usage })
    expect(reply.vectors).toEqual([
      [0.5, 2],
      [0.25, -1],
    ])
    expect(reply).toMatchObject({ model: 'm', usage: { input: 4, total: 4 } })
    expect(reply.usage).not.toHaveProperty('output')
  })

  it('without indices keeps its order', () => {
    expect(decode({ data: [{ embedding: [1] }, { embedding: [2] }] }).vectors).toEqual([[1], [2]])
  })

  it('gives back every float that was encoded', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 9 }),
        (values) => {
          expect(decode({ data: [{ index: 0, embedding: base64(values) }] }).vectors).toEqual([values])
        },
      ),
    )
  })

  it.each([
    ['no list', {}],
    ['an empty list', { data: [] }],
    ['no object', { data: [null] }],
    [
      'an index twice',
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [1] },
        ],
      },
    ],
    ['an index beyond', { data: [{ index: 1, embedding: [1] }] }],
    ['an index of 1e9', { data: [{ index: 1e9, embedding: [1] }] }],
    ['a text for an index', { data: [{ index: '0', embedding: [1] }] }],
    ['no vector', { data: [{ index: 0 }] }],
    ['an empty vector', { data: [{ index: 0, embedding: [] }] }],
    ['a text in a vector', { data: [{ index: 0, embedding: [1, '2'] }] }],
    ['half a float', { data: [{ index: 0, embedding: 'AAAA' }] }],
    ['a NaN', { data: [{ index: 0, embedding: base64([Number.NaN]) }] }],
    ['more than a float holds', { data: [{ index: 0, embedding: [1e39] }] }],
    [
      'different lengths',
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 1, embedding: [1, 2] },
        ],
      },
    ],
  ])('is told as malformed: %s', (_, body) => {
    expect(() => decode(body)).toThrow(expect.objectContaining({ reason: 'UPSTREAM_MALFORMED', fallback: true }))
  })
})

describe('a list of models', () => {
  const { models } = wireOf('openai')

  it.each([[{ object: 'list', data: [{ id: 'a' }, { id: 'b' }, { name: 'c' }] }], [[{ id: 'a' }, { id: 'b' }]]])(
    'gives their ids: %j',
    (body) => {
      expect(models.decode(body)).toEqual(['a', 'b'])
    },
  )

  it.each([[{}], [null], ['a'], [{ data: {} }]])('is told as malformed: %j', (body) => {
    expect(() => models.decode(body)).toThrow(expect.objectContaining({ reason: 'UPSTREAM_MALFORMED' }))
  })
})
