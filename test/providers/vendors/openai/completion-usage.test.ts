import { describe, expect, it } from 'vitest'
import { OpenAiDecoder } from '../../../../src/providers/vendors/openai/chat/reply.ts'
import { decodeFrames, decodeWhole } from '../../../support/decode-format.ts'

type Sink = ConstructorParameters<typeof OpenAiDecoder>[0]

const usage = { prompt_tokens: 6, completion_tokens: 4, total_tokens: 10, cached_tokens: 0 }
const reply = (object: string) => ({
  object,
  model: 'm',
  choices: [{ index: 0, text: 'a', finish_reason: 'eos' }],
  usage,
})

describe('the cached tokens of a text completion, 0 too, are read', () => {
  const format = { decoder: (sink: Sink) => new OpenAiDecoder(sink, true) }

  // OpenAI's word, and those of Together.
  it.each(['text_completion', 'text.completion', ''])('of an object that is called %j', (object) => {
    expect(decodeWhole(format, reply(object)).usage).toMatchObject({ input: 6, output: 4, cachedInput: 0 })
  })

  it('of a stream', () => {
    const frames = [JSON.stringify(reply('completion.chunk')), '[DONE]']
    expect(decodeFrames(format, frames).usage).toMatchObject({ input: 6, output: 4, cachedInput: 0 })
  })
})

it('a 0 beside the counts of a chat says nothing', () => {
  const format = { decoder: (sink: Sink) => new OpenAiDecoder(sink) }
  expect(decodeWhole(format, reply('chat.completion')).usage?.cachedInput).toBeUndefined()
})
