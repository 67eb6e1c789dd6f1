import { create } from '@bufbuild/protobuf'
import { encode } from 'gpt-tokenizer/encoding/o200k_base'
import { describe, expect, it } from 'vitest'
import { chatTokens } from '../../../src/domain/tokens/request-tokens.ts'
import { ChatRequestSchema, Role } from '../../../src/domain/types.ts'
import { type Estimated, Estimator } from '../../../src/policies/estimating/estimator.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { randomFrom } from '../../support/random.ts'
import { routedCall, targetOf } from '../../support/routed-call.ts'
import { generated, prose } from '../../support/token-samples.ts'

const call = (caller = 'web'): Estimated => routedCall(new FakeClock(), undefined, { caller })

function tokensOf(content: string) {
  return chatTokens(create(ChatRequestSchema, { messages: [{ role: Role.USER, content }] }))
}

describe('the estimated input', () => {
  const kinds = { ...prose, ...generated(20_000) }

  it('is within 4 % on average after 50 calls of one kind', () => {
    const errors = Object.values(kinds).map((text) => {
      const below = randomFrom(7)
      const estimator = new Estimator()
      const cut = () => {
        const start = below(Math.floor(text.length / 2))
        return text.slice(start, start + 150 + below(Math.floor(text.length / 2)))
      }
      const truth = (content: string) => encode(content).length + 7
      for (let count = 0; count < 50; count++) {
        const content = cut()
        estimator.learn(call(), tokensOf(content), { input: truth(content) })
      }
      let error = 0
      for (let count = 0; count < 20; count++) {
        const content = cut()
        error += Math.abs(estimator.input(call(), tokensOf(content)) / truth(content) - 1) / 20
      }
      return error
    })
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(0.04)
  })

  it('is learned from a caller for its own calls, within bounds', () => {
    const estimator = new Estimator()
    const tokens = tokensOf('word '.repeat(200))
    const before = estimator.input(call(), tokens)
    for (let count = 0; count < 100; count++) estimator.learn(call('liar'), tokens, { input: 1 })
    expect(estimator.input(call(), tokens)).toBe(before)
    expect(estimator.input(call('liar'), tokens)).toBe(Math.ceil(tokens.text * 0.7))
    expect(estimator.isLearned(call('liar'))).toBe(true)
    expect(estimator.isLearned(call())).toBe(false)
  })

  it('is never above its bound, which counts each byte', () => {
    for (const text of Object.values(kinds)) {
      const most = new Estimator().mostInput(call(), tokensOf(text))
      expect(most).toBeGreaterThanOrEqual(Buffer.byteLength(text))
      expect(encode(text).length).toBeLessThan(most)
    }
  })
})

describe('the estimated input of media', () => {
  const image = new Uint8Array(200)
  const request = create(ChatRequestSchema, {
    messages: [
      { role: Role.USER, parts: [{ content: { case: 'image', value: { source: { case: 'data', value: image } } } }] },
    ],
  })
  const tokens = chatTokens(request)

  it('is that of the vendor’s rule, else a usual one', () => {
    const estimator = new Estimator()
    const ruled = { ...call(), target: targetOf('house', { describe: () => ({ mediaTokens: () => 258 }) }) }
    expect(estimator.input(call(), tokens)).toBe(1_007)
    expect(estimator.input(ruled, tokens)).toBe(265)
  })

  it('is not learned from: its vendor’s count mixes it with the text', () => {
    const estimator = new Estimator()
    estimator.learn(call(), { ...tokens, text: 100 }, { input: 5_000 })
    expect(estimator.isLearned(call())).toBe(false)
  })
})

describe('the estimated output', () => {
  it('is corrected by what the vendor counted of the text, so that it is rarely too low', () => {
    const estimator = new Estimator()
    expect(estimator.highOutputRatio(call())).toBe(1.3)
    for (let count = 0; count < 100; count++) estimator.learn(call(), tokensOf('hi'), { output: 90 }, 100)
    expect(estimator.highOutputRatio(call())).toBeCloseTo(0.9, 2)
    expect(estimator.highOutputRatio(call('other'))).toBe(1.3)
  })

  it('is a usual one before 20 calls, then that of the caller’s own calls', () => {
    const estimator = new Estimator()
    expect(estimator.output(call())).toEqual({ p50: 300, p95: 1_000 })
    for (let count = 1; count <= 100; count++) estimator.learn(call(), tokensOf('hi'), { output: count })
    const { p50, p95 } = estimator.output(call())
    expect(p50).toBeGreaterThanOrEqual(50)
    expect(p50).toBeLessThan(56)
    expect(p95).toBeGreaterThanOrEqual(95)
    expect(p95).toBeLessThan(105)
    expect(estimator.output(call('other'))).toEqual({ p50: 300, p95: 1_000 })
  })

  it('follows calls that change', () => {
    const estimator = new Estimator()
    for (let count = 0; count < 1_000; count++) estimator.learn(call(), tokensOf('hi'), { output: 50 })
    for (let count = 0; count < 600; count++) estimator.learn(call(), tokensOf('hi'), { output: 2_000 })
    expect(estimator.output(call()).p50).toBeGreaterThan(1_900)
  })
})
