import { describe, expect, it, test } from 'vitest'
import { kinds } from '../../../src/providers/index.ts'
import { type EncodeOptions, encodeComplete } from '../../support/encode.ts'

/* Which models are asked at the vendor's own endpoint for text completion, and what is sent there. */

const every = {
  suffix: '',
  temperature: 0,
  topP: 0.9,
  topK: 40,
  maxTokens: 7,
  stop: ['END', 'STOP'],
  seed: 5n,
  frequencyPenalty: 0.5,
  presencePenalty: 0.25,
}

test.each([
  ['openai', 'gpt-3.5-turbo-instruct', '/completions'],
  ['openai', 'ft:davinci-002:org::1', '/completions'],
  ['openai', 'gpt-4o-mini', undefined],
  ['openai', 'gpt-3.5-turbo', undefined],
  ['azure', 'babbage-002', '/openai/deployments/babbage-002/completions?api-version=2025-04-01-preview'],
  ['mistral', 'codestral-latest', '/fim/completions'],
  ['mistral', 'codestral-embed', undefined],
  ['mistral', 'mistral-large-latest', undefined],
  ['deepseek', 'deepseek-chat', '/beta/completions'],
  ['deepseek', 'deepseek-reasoner', undefined],
  ['vllm', 'm', '/completions'],
  ['llamacpp', 'm', '/completions'],
  ['lmstudio', 'm', '/completions'],
  ['localai', 'm', '/completions'],
  ['docker-model-runner', 'm', '/completions'],
  ['local', 'm', '/completions'],
  ['together', 'm', '/completions'],
  ['fireworks', 'm', '/completions'],
  ['cerebras', 'm', '/completions'],
  ['ollama', 'm', '/api/generate'],
  ['openrouter', 'm', undefined],
  ['openai-compatible', 'm', undefined],
  ['groq', 'm', undefined],
  ['xai', 'm', undefined],
  ['anthropic', 'm', undefined],
  ['gemini', 'm', undefined],
])('%s/%s is asked at %s', (kind, model, path) => {
  expect(encodeComplete(kind, {}, { model })?.path).toBe(path)
})

describe('the operator decides', () => {
  it.each(['openai', 'azure', 'mistral', 'deepseek', 'vllm', 'llamacpp', 'openrouter', 'openai-compatible', 'nvidia'])(
    'for %s',
    (kind) => {
      expect(encodeComplete(kind, {}, { overrides: { completions: 'native' } })).toBeDefined()
      expect(encodeComplete(kind, {}, { overrides: { completions: 'chat' } })).toBeUndefined()
    },
  )

  it('for Ollama', () => {
    expect(encodeComplete('ollama', {}, { overrides: { completions: 'chat' } })).toBeUndefined()
  })
})

describe('the request', () => {
  it('has the fields that the vendor takes, by its names, and names those that were left out', () => {
    expect(encodeComplete('openai', every, { model: 'davinci-002' })).toMatchObject({
      json: {
        model: 'davinci-002',
        prompt: 'hi',
        temperature: 0,
        top_p: 0.9,
        max_tokens: 7,
        stop: ['END', 'STOP'],
        seed: 5,
        frequency_penalty: 0.5,
        presence_penalty: 0.25,
      },
      leftOut: ['top_k'],
    })
    expect(encodeComplete('mistral', every, { model: 'codestral-2508' })).toMatchObject({
      json: { prompt: 'hi', temperature: 0, top_p: 0.9, max_tokens: 7, stop: ['END', 'STOP'], random_seed: 5 },
      leftOut: ['top_k', 'frequency_penalty', 'presence_penalty'],
    })
    expect(encodeComplete('vllm', every)).toMatchObject({ json: { top_k: 40, seed: 5 }, leftOut: [] })
    expect(encodeComplete('ollama', every)?.json).toEqual({
      model: 'm',
      prompt: 'hi',
      stream: false,
      options: {
        temperature: 0,
        top_p: 0.9,
        top_k: 40,
        num_predict: 7,
        stop: ['END', 'STOP'],
        seed: 5,
        frequency_penalty: 0.5,
        presence_penalty: 0.25,
      },
    })
  })

  it('asks for the usage of a stream where it does not come anyway', () => {
    const streamed = { stream: true }
    expect(encodeComplete('vllm', {}, streamed)?.json).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    })
    expect(encodeComplete('mistral', {}, { ...streamed, model: 'codestral-2508' })?.json).toEqual({
      model: 'codestral-2508',
      prompt: 'hi',
      stream: true,
    })
  })

  it("takes defaults, and the vendor's own fields last", () => {
    const options: EncodeOptions = {
      defaults: { temperature: 0.2, maxTokens: 64 },
      extra: { echo: true, max_tokens: 8 },
    }
    expect(encodeComplete('vllm', {}, options)?.json).toEqual({
      model: 'm',
      prompt: 'hi',
      temperature: 0.2,
      max_tokens: 8,
      echo: true,
    })
  })

  it('sends Ollama its options as a chat does', () => {
    const options: EncodeOptions = { options: { num_ctx: 8192, keep_alive: '10m' }, extra: { raw: true, mirostat: 2 } }
    expect(encodeComplete('ollama', {}, options)?.json).toEqual({
      model: 'm',
      prompt: 'hi',
      stream: false,
      keep_alive: '10m',
      raw: true,
      options: { num_ctx: 8192, mirostat: 2 },
    })
  })

  it('sends OpenAI the headers of the account', () => {
    const options = { model: 'davinci-002', options: { organization: 'org-1' } }
    expect(encodeComplete('openai', {}, options)?.headers).toEqual({ 'openai-organization': 'org-1' })
  })
})

describe('a suffix', () => {
  it('goes to the vendors that fill in the middle', () => {
    const gap = { prompt: 'def a():', suffix: 'return 1' }
    expect(encodeComplete('mistral', gap, { model: 'codestral-2508' })?.json).toMatchObject(gap)
    expect(encodeComplete('deepseek', gap, { model: 'deepseek-chat' })).toMatchObject({ base: 'server', json: gap })
    expect(encodeComplete('ollama', gap)?.json).toMatchObject(gap)
    expect(encodeComplete('llamacpp', { ...gap, maxTokens: 9, topK: 2 })).toMatchObject({
      path: '/infill',
      base: 'server',
      json: { model: 'm', input_prefix: 'def a():', input_suffix: 'return 1', n_predict: 9, top_k: 2 },
    })
  })

  it.each(
    kinds.flatMap(({ kind, wire }) =>
      wire?.complete && !['mistral', 'deepseek', 'llamacpp', 'ollama'].includes(kind) ? [kind] : [],
    ),
  )('is refused by %s', (kind) => {
    const ask = () => encodeComplete(kind, { suffix: 'b' }, { overrides: { completions: 'native' } })
    expect(ask).toThrow(expect.objectContaining({ reason: 'UNSUPPORTED' }))
  })

  it('needs a prompt at Ollama, which answers nothing without one', () => {
    expect(() => encodeComplete('ollama', { prompt: '', suffix: 'b' })).toThrow('prompt')
  })
})
