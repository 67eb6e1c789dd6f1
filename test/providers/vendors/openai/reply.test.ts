import { describe, expect, it } from 'vitest'
import { FinishReason } from '../../../../src/domain/types.ts'
import { decodeStream, decodeWhole } from '../../../support/decode.ts'
import { delta, STOP, stream, whole, wire } from '../../../support/openai-replies.ts'

describe('an answer', () => {
  it('is read whole', async () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 4,
      total_tokens: 14,
      prompt_tokens_details: { cached_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 0 },
    }
    const { response } = await whole({ role: 'assistant', content: 'Hello.', refusal: null }, { usage })
    expect(response).toMatchObject({
      message: { content: 'Hello.', refusal: '' },
      finishReason: FinishReason.STOP,
      rawFinishReason: 'stop',
      usage: { input: 10, output: 4, cachedInput: 8, reasoning: 0, total: 14, estimated: false },
      route: { upstreamId: 'id-1', responseModel: 'm-1' },
    })
    expect(response?.usage).not.toHaveProperty('cacheWrite')
  })

  it('is read in chunks, its usage after its end', async () => {
    const { response } = await stream(
      delta({ role: 'assistant', content: '' }),
      delta({ content: 'Hel' }),
      delta({ content: 'lo.' }),
      STOP,
      { id: 'id-1', model: 'm-1', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } },
      '[DONE]',
    )
    expect(response).toMatchObject({
      message: { content: 'Hello.' },
      finishReason: FinishReason.STOP,
      usage: { input: 3, output: 2, total: 5 },
    })
  })

  it('has a refusal apart from its text', async () => {
    const { response } = await whole({ content: null, refusal: 'I cannot help with that.' })
    expect(response?.message).toMatchObject({ content: '', refusal: 'I cannot help with that.' })
  })

  it('ignores choices beside the first', async () => {
    const { response } = await stream(
      delta({ content: 'one' }),
      { choices: [{ index: 1, delta: { content: 'two' }, finish_reason: 'length' }] },
      STOP,
    )
    expect(response).toMatchObject({ message: { content: 'one' }, rawFinishReason: 'stop' })
  })

  it('is filtered away without a message', async () => {
    const { response } = await decodeWhole(wire, { choices: [{ index: 0, finish_reason: 'content_filter' }] })
    expect(response).toMatchObject({ message: { content: '' }, finishReason: FinishReason.CONTENT_FILTER })
  })

  it('tells when the filter itself failed', async () => {
    const { warnings } = await stream(
      delta({ content: 'x' }, { content_filter_results: { error: { code: 'content_filter_error' } } }),
      STOP,
    )
    expect(warnings).toEqual(["The vendor's content filter failed: the response was not filtered."])
  })
})

describe('the end', () => {
  it.each([
    ['length', FinishReason.LENGTH],
    ['model_length', FinishReason.LENGTH],
    ['eos', FinishReason.STOP],
    ['content_filter', FinishReason.CONTENT_FILTER],
    ['error', FinishReason.ERROR],
    ['constructor', FinishReason.OTHER],
  ])('for the reason %s', async (raw, finishReason) => {
    const { response } = await stream(delta({ content: 'x' }), delta({}, { finish_reason: raw }), '[DONE]')
    expect(response).toMatchObject({ finishReason, rawFinishReason: raw })
  })

  it('without any reason is OTHER', async () => {
    const { response } = await stream(delta({ content: 'x' }, { finish_reason: '' }), '[DONE]')
    expect(response).toMatchObject({ finishReason: FinishReason.OTHER, rawFinishReason: '' })
  })

  it('needs no [DONE] once there is a reason', async () => {
    const { response } = await stream(delta({ content: 'x' }), STOP)
    expect(response?.message?.content).toBe('x')
  })

  it('is a cut when there is neither', async () => {
    const { events, error } = await stream(delta({ content: 'x' }))
    expect(events.at(-1)?.event).toMatchObject({ case: 'text', value: { text: 'x' } })
    expect(error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
  })

  it('with tool calls waits for them, whatever the vendor says', async () => {
    const toolCalls = [{ id: 'a', function: { name: 'f', arguments: '{}' } }]
    const { response } = await whole({ tool_calls: toolCalls })
    expect(response).toMatchObject({ finishReason: FinishReason.TOOL_CALLS, rawFinishReason: 'stop' })
  })
})

describe('sources, images and sound', () => {
  it('cites what the text refers to', async () => {
    const url_citation = { url: 'https://x.test', title: 'X', start_index: 3, end_index: 9 }
    const { response } = await whole({ content: 'As X says.', annotations: [{ type: 'url_citation', url_citation }] })
    expect(response?.message?.citations).toMatchObject([{ url: 'https://x.test', title: 'X', start: 3, end: 9 }])
  })

  it('lists sources once, though every chunk repeats them', async () => {
    const sources = {
      citations: ['https://a.test', 'https://b.test'],
      search_results: [{ url: 'https://a.test', title: 'A', snippet: 'Says A.' }],
    }
    const { response } = await stream({ ...delta({ content: 'x' }), ...sources }, { ...STOP, ...sources })
    expect(response?.message?.citations).toMatchObject([
      { url: 'https://a.test', title: 'A', text: 'Says A.' },
      { url: 'https://b.test', title: '' },
    ])
  })

  it('hands out images that the model made', async () => {
    const images = ['data:image/png;base64,iVBORw==', 'https://x.test/a.png'].map((url) => ({ image_url: { url } }))
    const { response } = await whole({ content: '', images })
    expect(response?.message?.parts.map((part) => part.content)).toMatchObject([
      {
        case: 'image',
        value: { source: { case: 'data', value: Buffer.from([137, 80, 78, 71]) }, mimeType: 'image/png' },
      },
      { case: 'image', value: { source: { case: 'url', value: 'https://x.test/a.png' } } },
    ])
  })

  it('joins a sound from pieces that are each base64 of their own', async () => {
    const { response } = await stream(
      delta({ audio: { id: 'audio_1', transcript: 'Hel' } }),
      delta({ audio: { data: Buffer.from('RI').toString('base64') } }),
      delta({ audio: { data: Buffer.from('FF....').toString('base64'), transcript: 'lo.' } }),
      STOP,
    )
    expect(response?.message?.parts.map((part) => part.content)).toMatchObject([
      {
        case: 'audio',
        value: { source: { value: Buffer.from('RIFF....') }, mimeType: 'audio/wav', transcript: 'Hello.' },
      },
    ])
  })
})

describe('a failure in a good reply', () => {
  it('is the whole body', async () => {
    const { error } = await decodeWhole(wire, { error: { message: 'Filtered.', code: 'content_filter', status: 400 } })
    expect(error?.reason).toBe('CONTENT_FILTERED')
  })

  it('stands beside a choice', async () => {
    const { error, events } = await stream(
      delta({ content: 'Hel' }),
      delta({ content: 'lo' }, { finish_reason: 'length' }),
      { ...delta({ content: '!' }), error: { code: 400, message: 'Token limit reached' } },
      '[DONE]',
    )
    expect(events.map(({ event }) => (event.case === 'text' ? event.value.text : event.case))).toEqual([
      'start',
      'Hel',
      'lo',
      '!',
    ])
    expect(error?.reason).toBe('UPSTREAM_INVALID_REQUEST')
  })

  it('stands in a choice', async () => {
    const choices = [{ index: 0, message: { content: '' }, error: { code: 502, message: 'Provider failed' } }]
    expect((await decodeWhole(wire, { choices })).error?.reason).toBe('UPSTREAM_GATEWAY')
  })

  it('is a frame of its own, as an object, a list, or an event', async () => {
    const error = { error: { message: 'Broken.', type: 'server_error' } }
    for (const failure of [error, [error]]) expect((await stream(failure)).error?.reason).toBe('UPSTREAM_ERROR')
    const event = await decodeStream(wire, [Buffer.from('event: error\ndata: Too busy\n\n')])
    expect(event.error?.reason).toBe('UPSTREAM_STREAM_ERROR')
  })
})
