import { expect, test } from 'vitest'
import { priceOf, ratesOf } from '../../../src/providers/prices/rates.ts'
import { costOfUsage, usageFrom } from '../../../src/providers/prices/usage.ts'
import { geminiWire } from '../../../src/providers/vendors/gemini/wire.ts'
import { decodeWhole } from '../../support/decode.ts'
import { delta, STOP, stream } from '../../support/openai-replies.ts'

const counts = { input: 10, output: 5 }

test.each([
  ['nothing of what is 0', { inputAudio: 0, webSearches: 0, cacheWrite1h: 0 }, {}],
  ['a part that has its own price', { outputImage: 3, webSearches: 2 }, { outputImage: 3, webSearches: 2 }],
  ['nothing of what is no count', { inputAudio: -1, outputAudio: '4', inputImage: 1.5 }, {}],
  ['the service tier', { serviceTier: 'flex' }, { serviceTier: 'flex' }],
  ['no standard tier', { serviceTier: 'default' }, {}],
  ['no tier that is more than a word', { serviceTier: 'please pay\nmore' }, {}],
])('usage has %s', (_, reported, expected) => {
  expect(usageFrom({ ...counts, ...reported })).toEqual({
    $typeName: 'llmgateway.v1.Usage',
    ...counts,
    ...expected,
    estimated: false,
  })
})

test('a cost whose service tier has no known price is an estimate, with a warning', () => {
  const price = priceOf(ratesOf({ input_mtok: 1, output_mtok: 1 }), (tier) => (tier === 'flex' ? 0.5 : undefined))
  const warnings: string[] = []
  const costIn = (serviceTier: string) => {
    const usage = usageFrom({ input: 1000, output: 0, serviceTier })
    return usage && costOfUsage(usage, 'm', '', () => ({ price }), { warn: (text) => warnings.push(text) })
  }
  expect(costIn('flex')).toMatchObject({ usd: 0.0005, estimated: false })
  expect(warnings).toEqual([])
  expect(costIn('priority')).toMatchObject({ usd: 0.001, estimated: true })
  expect(warnings).toEqual([expect.stringContaining('"priority"')])
})

test('the tier and the parts of an OpenAI stream are read where they are reported', async () => {
  const usage = {
    prompt_tokens: 20,
    completion_tokens: 9,
    prompt_tokens_details: { audio_tokens: 12 },
    completion_tokens_details: { audio_tokens: 7 },
  }
  const { response } = await stream(delta({ content: 'x' }), { ...STOP, usage, service_tier: 'priority' })
  expect(response?.usage).toMatchObject({ inputAudio: 12, outputAudio: 7, serviceTier: 'priority' })
})

test('a part that an earlier report of the stream had is kept', async () => {
  const first = { prompt_tokens: 20, completion_tokens: 0, prompt_tokens_details: { audio_tokens: 12 } }
  const last = { prompt_tokens: 20, completion_tokens: 4 }
  const { response } = await stream(delta({ content: 'x' }, { usage: first }), { ...STOP, usage: last })
  expect(response?.usage).toMatchObject({ input: 20, output: 4, inputAudio: 12 })
})

test('the tokens of each kind that Gemini reports are read', async () => {
  const usageMetadata = {
    promptTokenCount: 30,
    candidatesTokenCount: 40,
    promptTokensDetails: [
      { modality: 'TEXT', tokenCount: 5 },
      { modality: 'AUDIO', tokenCount: 25 },
    ],
    candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 40 }],
  }
  const reply = { candidates: [{ content: { parts: [{ text: 'x' }] }, finishReason: 'STOP' }], usageMetadata }
  const { usage } = await decodeWhole(geminiWire, reply)
  expect(usage).toMatchObject({ input: 30, output: 40, inputAudio: 25, outputImage: 40 })
  expect(usage).not.toHaveProperty('outputAudio')
})
