import { describe, expect, it } from 'vitest'
import { FinishReason } from '../../../../src/domain/types.ts'
import { InfillDecoder } from '../../../../src/providers/vendors/openai/completions/infill.ts'
import { decodeFrames, decodeWhole } from '../../../support/decode-format.ts'

const format = { decoder: (sink: ConstructorParameters<typeof InfillDecoder>[0]) => new InfillDecoder(sink) }
const last = { content: '', stop: true, stop_type: 'eos', tokens_evaluated: 12, tokens_predicted: 3, model: 'qwen' }

describe("a reply of llama.cpp's infill", () => {
  it('is read whole', () => {
    const reply = decodeWhole(format, { ...last, content: '  return 1', timings: { cache_n: 4 } })
    expect(reply).toMatchObject({
      text: '  return 1',
      model: 'qwen',
      reason: FinishReason.STOP,
      raw: 'eos',
      usage: { input: 12, output: 3, cachedInput: 4 },
      done: true,
    })
  })

  it('is read whole without `stop`, and as a list', () => {
    const { stop: _stop, ...older } = last
    expect(decodeWhole(format, [{ ...older, content: 'a' }])).toMatchObject({ text: 'a', done: true })
  })

  it('is read piece by piece', () => {
    const frames = [{ content: ' a', stop: false }, { content: ' b', stop: false }, last].map((f) => JSON.stringify(f))
    expect(decodeFrames(format, frames)).toMatchObject({ text: ' a b', done: true, reason: FinishReason.STOP })
  })

  it.each([
    [{ stop_type: 'limit' }, FinishReason.LENGTH, 'limit'],
    [{ stop_type: 'word' }, FinishReason.STOP, 'word'],
    [{ stop_type: 'none' }, undefined, undefined],
    [{ stop_type: undefined, stopped_limit: true }, FinishReason.LENGTH, 'limit'],
    [{ stop_type: undefined, stopped_word: true }, FinishReason.STOP, 'word'],
    [{ stop_type: undefined, stopped_eos: true }, FinishReason.STOP, 'eos'],
  ])('%j means %s', (facts, reason, raw) => {
    const reply = decodeWhole(format, { ...last, content: 'a', ...facts })
    expect({ reason: reply.reason, raw: reply.raw }).toEqual({ reason, raw })
  })

  it('fails where it is cut, is not JSON, or reports an error', () => {
    expect(decodeFrames(format, ['{"content":"a","stop":false}'])).toMatchObject({
      text: 'a',
      failure: 'UPSTREAM_STREAM_TRUNCATED',
    })
    expect(decodeFrames(format, ['{"content":'])).toMatchObject({ failure: 'UPSTREAM_MALFORMED' })
    expect(decodeFrames(format, ['[]'])).toMatchObject({ failure: 'UPSTREAM_MALFORMED' })
    expect(decodeWhole(format, { stop: true })).toMatchObject({ failure: 'UPSTREAM_MALFORMED' })
    const failed = { error: { code: 500, message: 'context shift is disabled', type: 'server_error' } }
    expect(decodeFrames(format, [JSON.stringify(failed)])).toMatchObject({
      reported: { status: 500, message: 'context shift is disabled' },
    })
  })
})
