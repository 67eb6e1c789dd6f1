import { describe, expect, it } from 'vitest'
import { delta, STOP, stream, whole } from '../../../support/openai-replies.ts'

describe('usage', () => {
  const usageOf = async (usage: unknown, rest: object = {}) =>
    (await whole({ content: 'four' }, { usage, ...rest })).response?.usage

  it('counts reasoning as output where the vendor leaves it out', async () => {
    const completion_tokens_details = { reasoning_tokens: 30 }
    const usage = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 42, completion_tokens_details }
    expect(await usageOf(usage)).toMatchObject({ input: 10, output: 32, reasoning: 30, total: 42 })
    expect(await usageOf({ ...usage, total_tokens: 12 })).toMatchObject({ output: 2, reasoning: 30 })
  })

  it.each([
    [{ prompt_tokens_details: { cached_tokens: 5, cache_write_tokens: 2 } }, { cachedInput: 5, cacheWrite: 2 }],
    [{ prompt_cache_hit_tokens: 5 }, { cachedInput: 5 }],
    [{ num_cached_tokens: 5 }, { cachedInput: 5 }],
  ])('finds cached tokens in %j', async (fields, expected) => {
    expect(await usageOf({ prompt_tokens: 9, completion_tokens: 1, ...fields })).toMatchObject(expected)
  })

  it('is found in the places of Groq and Moonshot', async () => {
    const usage = { prompt_tokens: 7, completion_tokens: 1, total_tokens: 8 }
    const groq = await stream(delta({ content: 'x' }), { ...STOP, x_groq: { usage } })
    const moonshot = await stream(delta({ content: 'x' }), delta({}, { finish_reason: 'stop', usage }))
    for (const { response } of [groq, moonshot])
      expect(response?.usage).toMatchObject({ input: 7, output: 1, total: 8 })
  })

  it('keeps a 0 and invents nothing', async () => {
    const usage = await usageOf({ prompt_tokens: 3, completion_tokens: 0, total_tokens: 3 })
    expect(usage).toEqual({ $typeName: 'llmgateway.v1.Usage', input: 3, output: 0, total: 3, estimated: false })
  })

  it('is estimated where all is 0 although there is text', async () => {
    const usage = await usageOf({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 })
    expect(usage).toMatchObject({ output: 1, estimated: true })
  })

  it('is merged from two halves', async () => {
    const { response } = await stream(
      { ...delta({ content: 'x' }), usage: { prompt_tokens: 7, total_tokens: 7 } },
      { ...STOP, usage: { completion_tokens: 2, total_tokens: 2 } },
    )
    expect(response?.usage).toMatchObject({ input: 7, output: 2, total: 9, estimated: false })
  })

  it('never falls, though zeros come last', async () => {
    const { response } = await stream(
      { ...delta({ content: 'x' }), usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 } },
      { ...STOP, usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } },
    )
    expect(response?.usage).toMatchObject({ input: 7, output: 2, total: 9, estimated: false })
  })

  it('has counts at the top level at Moonshot and Perplexity', async () => {
    const usage = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13, cached_tokens: 5, reasoning_tokens: 3 }
    expect(await usageOf(usage)).toMatchObject({ input: 9, output: 4, cachedInput: 5, reasoning: 3, total: 13 })
  })

  it.each([-1, 1.5, 2 ** 32, '12', {}])('does not believe %j', async (count) => {
    expect(await usageOf({ prompt_tokens: 3, completion_tokens: count, total_tokens: count })).toMatchObject({
      input: 3,
      output: 1,
      estimated: true,
    })
  })

  it.each([[undefined], [null]])('is estimated where it is %s', async (usage) => {
    expect(await usageOf(usage)).toMatchObject({ estimated: true })
  })
})
