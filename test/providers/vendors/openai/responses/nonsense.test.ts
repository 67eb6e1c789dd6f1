import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeStream, decodeWhole, sse } from '../../../../support/decode.ts'
import { responsesWireOf } from '../../../../support/encode.ts'

const wire = responsesWireOf('openai')

const keys = [
  'type',
  'response',
  'item',
  'item_id',
  'output',
  'output_index',
  'content',
  'content_index',
  'summary',
  'summary_index',
  'delta',
  'text',
  'annotation',
  'annotations',
  'arguments',
  'name',
  'call_id',
  'encrypted_content',
  'result',
  'usage',
  'status',
  'error',
  'action',
]
const types = [
  'response.created',
  'response.output_item.added',
  'response.output_item.done',
  'response.output_text.delta',
  'response.reasoning_summary_text.delta',
  'response.function_call_arguments.delta',
  'response.output_text.annotation.added',
  'response.completed',
  'response.failed',
  'error',
  'message',
  'reasoning',
  'function_call',
  'image_generation_call',
]
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom(...types),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 6 }),
})).value

it('nonsense never makes the decoder throw, and always ends in a response or an error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(json, { maxLength: 5 }), async (values) => {
      for (const { response, error } of [
        await decodeStream(wire, [sse(...values.map((value) => JSON.stringify(value)))]),
        await decodeWhole(wire, values[0]),
      ]) {
        expect([response, error].filter((ending) => ending !== undefined)).toHaveLength(1)
      }
    }),
    { numRuns: 500 },
  )
})

it('any cut of the bytes gives the same response', async () => {
  const item = { type: 'message', content: [{ type: 'output_text', text: 'Olá, 世界 🎉', annotations: [] }] }
  const bytes = sse(
    { type: 'response.created', response: { id: 'r', model: 'm' } },
    { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'Olá, ' },
    { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: '世界 🎉' },
    { type: 'response.completed', response: { id: 'r', model: 'm', status: 'completed', output: [item] } },
  )
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length), { maxLength: 60 }), async (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
      expect((await decodeStream(wire, chunks)).response?.message?.content).toBe('Olá, 世界 🎉')
    }),
  )
})
