import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { EmbedRequestSchema } from '../../../../src/domain/types.ts'
import { contextOf, type EncodeOptions, wireOf } from '../../../support/encode.ts'

const { embed, models } = wireOf('gemini')
if (!embed) throw new Error('gemini has no embeddings')

describe('a question for vectors', () => {
  function encode(dimensions: number | undefined, options: EncodeOptions) {
    const request = create(EmbedRequestSchema, { inputs: ['a', 'b'], ...(dimensions !== undefined && { dimensions }) })
    const { path, body } = embed?.encode(request, ['a', 'b'], contextOf(options)) ?? { path: '', body: '{}' }
    return { path, json: JSON.parse(body) }
  }

  it('is asked for all inputs at once, a hundred at most', () => {
    expect(encode(256, { model: 'gemini-embedding-001' })).toEqual({
      path: '/models/gemini-embedding-001:batchEmbedContents',
      json: {
        requests: ['a', 'b'].map((text) => ({
          model: 'models/gemini-embedding-001',
          content: { parts: [{ text }] },
          outputDimensionality: 256,
        })),
      },
    })
    expect(embed?.limits).toEqual({ inputs: 100 })
  })

  it("gives the vendor's own fields to each input", () => {
    expect(encode(undefined, { extra: { taskType: 'RETRIEVAL_QUERY' } }).json).toMatchObject({
      requests: [{ taskType: 'RETRIEVAL_QUERY' }, { taskType: 'RETRIEVAL_QUERY' }],
    })
  })
})

describe('a reply with vectors', () => {
  it('keeps their order', () => {
    const body = { embeddings: [{ values: [0.5, 2] }, { values: [1, 0] }], usageMetadata: { promptTokenCount: 4 } }
    expect(embed.decode(body)).toMatchObject({
      vectors: [
        [0.5, 2],
        [1, 0],
      ],
      usage: { input: 4 },
    })
    expect(embed.decode({ embeddings: [{ values: [1] }] }).usage).toBeUndefined()
  })

  it.each([
    [null],
    [{}],
    [{ embeddings: [] }],
    [{ embeddings: [{}] }],
    [{ embeddings: [{ values: [] }] }],
    [{ embeddings: [{ values: [1, 'x'] }] }],
    [{ embeddings: [{ values: [1] }, { values: [1, 2] }] }],
    [{ embeddings: [{ values: [1e39] }] }],
  ])('that holds none, or wrong ones, is told as such: %j', (body) => {
    expect(() => embed.decode(body)).toThrow(expect.objectContaining({ reason: 'UPSTREAM_MALFORMED' }))
  })
})

describe('the list of models', () => {
  it('is asked for on one page, and read without the prefix', () => {
    expect(models.request({}).path).toBe('/models?pageSize=1000')
    expect(models.decode({ models: [{ name: 'models/gemini-2.5-flash' }, { name: 'plain' }, {}] })).toEqual([
      'gemini-2.5-flash',
      'plain',
    ])
  })

  it('that is none is told as such', () => {
    expect(() => models.decode({ data: [] })).toThrow(expect.objectContaining({ reason: 'UPSTREAM_MALFORMED' }))
  })
})
