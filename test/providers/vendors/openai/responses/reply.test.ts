import { describe, expect, it } from 'vitest'
import { FinishReason } from '../../../../../src/domain/types.ts'
import { decodeStream, decodeWhole, sse } from '../../../../support/decode.ts'
import { responsesWireOf } from '../../../../support/encode.ts'

const wire = responsesWireOf('openai')
const head = { id: 'resp_1', model: 'gpt-5.5' }
const usage = {
  input_tokens: 10,
  input_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 3 },
  total_tokens: 17,
}
const reasoning = {
  type: 'reasoning',
  id: 'rs_1',
  summary: [
    { type: 'summary_text', text: 'Ask' },
    { type: 'summary_text', text: ' twice.' },
  ],
  encrypted_content: 'gAAAAABqPBJW',
}
const message = {
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  content: [{ type: 'output_text', text: 'I look.', annotations: [] }],
}
const call = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'weather', arguments: '{"2":1,"1": 2}' }

function completed(output: readonly object[], more: object = {}) {
  return { ...head, status: 'completed', error: null, incomplete_details: null, output, usage, ...more }
}

function event(type: string, fields: object) {
  return { type, ...fields }
}

function stream(...events: readonly unknown[]) {
  return decodeStream(wire, [sse(...events)])
}

describe('a whole response', () => {
  it('gives reasoning with its signature, text and calls with the exact text of their arguments', async () => {
    const { response } = await decodeWhole(wire, completed([reasoning, message, call]))
    expect(response).toMatchObject({
      message: {
        content: 'I look.',
        reasoning: [{ text: 'Ask twice.', signature: 'gAAAAABqPBJW' }],
        toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"2":1,"1": 2}' }],
      },
      finishReason: FinishReason.TOOL_CALLS,
      rawFinishReason: 'completed',
      usage: { input: 10, cachedInput: 4, cacheWrite: 2, output: 7, reasoning: 3, total: 17 },
      route: { upstreamId: 'resp_1', responseModel: 'gpt-5.5' },
    })
  })

  it.each([
    ['max_output_tokens', FinishReason.LENGTH],
    ['content_filter', FinishReason.CONTENT_FILTER],
    ['something new', FinishReason.OTHER],
  ])('that is incomplete says why: %s', async (reason, finishReason) => {
    const { response } = await decodeWhole(
      wire,
      completed([message], { status: 'incomplete', incomplete_details: { reason } }),
    )
    expect(response).toMatchObject({ finishReason, rawFinishReason: reason, message: { content: 'I look.' } })
  })

  it('gives a refusal, images and sources', async () => {
    const source = { type: 'url_citation', url: 'https://example.com', title: 'A page', start_index: 1, end_index: 3 }
    const file = { type: 'file_citation', file_id: 'file-1', filename: 'a.txt', index: 5 }
    const output = [
      { type: 'web_search_call', id: 'ws_1', status: 'completed' },
      { type: 'image_generation_call', id: 'ig_1', result: 'iVBORw0KGgo=', output_format: 'webp' },
      { type: 'message', content: [{ type: 'output_text', text: 'A 🎉', annotations: [] }] },
      { type: 'message', content: [{ type: 'output_text', text: 'Look.', annotations: [source, file] }] },
      { type: 'message', content: [{ type: 'refusal', refusal: 'I will not.' }] },
    ]
    const { response } = await decodeWhole(wire, completed(output))
    expect(response?.message).toMatchObject({ content: 'A 🎉Look.', refusal: 'I will not.' })
    expect(response?.message?.citations).toMatchObject([
      { url: 'https://example.com', title: 'A page', start: 4, end: 6 },
      { url: '', title: 'a.txt' },
    ])
    expect(response?.message?.parts[0]?.content).toMatchObject({ case: 'image', value: { mimeType: 'image/webp' } })
    expect(response?.finishReason).toBe(FinishReason.STOP)
    expect(response?.usage?.webSearches).toBe(1)
  })

  it('says in which service tier it was made', async () => {
    const { response } = await decodeWhole(wire, completed([message], { service_tier: 'flex' }))
    expect(response?.usage?.serviceTier).toBe('flex')
  })

  it.each([
    [
      completed([], { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'Slow down.' } }),
      'UPSTREAM_RATE_LIMITED',
    ],
    [{ error: { code: 'insufficient_quota', message: 'Spent.' } }, 'UPSTREAM_QUOTA_EXHAUSTED'],
    [completed([], { status: 'in_progress' }), 'UPSTREAM_MALFORMED'],
    [{ ...head, choices: [] }, 'UPSTREAM_MALFORMED'],
    ['text', 'UPSTREAM_MALFORMED'],
  ])('that failed is an error: %j', async (body, reason) => {
    expect((await decodeWhole(wire, body)).error?.reason).toBe(reason)
  })
})

describe('a streamed response', () => {
  const created = event('response.created', { response: { ...head, status: 'in_progress', output: [] } })
  const delta = (type: string, output_index: number, text: string, more: object = {}) =>
    event(`response.${type}.delta`, { output_index, content_index: 0, delta: text, ...more })

  it('gives the same as the whole one, each piece once', async () => {
    const { response, events } = await stream(
      created,
      event('response.output_item.added', {
        output_index: 0,
        item: { ...reasoning, summary: [], encrypted_content: 'gAAAAAshort' },
      }),
      delta('reasoning_summary_text', 0, 'Ask', { summary_index: 0 }),
      delta('reasoning_summary_text', 0, ' twice.', { summary_index: 1 }),
      event('response.output_item.done', { output_index: 0, item: reasoning }),
      event('response.output_item.added', { output_index: 1, item: { ...message, content: [] } }),
      delta('output_text', 1, 'I '),
      delta('output_text', 1, 'look.'),
      event('response.output_text.done', { output_index: 1, content_index: 0, text: 'I look.' }),
      event('response.output_item.done', { output_index: 1, item: message }),
      event('response.output_item.added', { output_index: 2, item: { ...call, arguments: '' } }),
      delta('function_call_arguments', 2, '{"2":1,'),
      delta('function_call_arguments', 2, '"1": 2}'),
      event('response.function_call_arguments.done', { output_index: 2, arguments: call.arguments }),
      event('response.output_item.done', { output_index: 2, item: call }),
      event('response.completed', { response: completed([reasoning, message, call]) }),
    )
    const whole = await decodeWhole(wire, completed([reasoning, message, call]))
    expect(response?.message).toEqual(whole.response?.message)
    expect(response?.finishReason).toBe(FinishReason.TOOL_CALLS)
    expect(events.filter(({ event: { case: kind } }) => kind === 'text')).toHaveLength(2)
  })

  it('takes from its end what no event has said', async () => {
    const { response } = await stream(
      created,
      event('response.completed', { response: completed([reasoning, message, call]) }),
    )
    const whole = await decodeWhole(wire, completed([reasoning, message, call]))
    expect(response?.message).toEqual(whole.response?.message)
  })

  it('keeps calls apart whose pieces are mixed, and waits for their names', async () => {
    const { response } = await stream(
      created,
      delta('function_call_arguments', 0, '{"a"'),
      event('response.output_item.added', { output_index: 1, item: { ...call, call_id: 'call_B', arguments: '' } }),
      delta('function_call_arguments', 1, '{"b":2}'),
      delta('function_call_arguments', 0, ':1}'),
      event('response.output_item.done', { output_index: 0, item: { ...call, call_id: 'call_A', name: 'time' } }),
      event('response.completed', { response: completed([]) }),
    )
    expect(response?.message?.toolCalls).toMatchObject([
      { id: 'call_B', name: 'weather', arguments: '{"b":2}' },
      { id: 'call_A', name: 'time', arguments: '{"a":1}' },
    ])
  })

  it('finds items by their ids where events do not say the place', async () => {
    const { response } = await stream(
      created,
      event('response.output_item.added', { item: { ...message, content: [] } }),
      event('response.output_text.delta', { item_id: 'msg_1', delta: 'I look.' }),
      event('response.completed', { response: completed([message]) }),
    )
    expect(response?.message?.content).toBe('I look.')
  })

  it('gives raw reasoning where there is no summary, and never both', async () => {
    const { response } = await stream(
      created,
      delta('reasoning_text', 0, 'Hm.'),
      delta('reasoning_summary_text', 0, 'In short: hm.', { summary_index: 0 }),
      event('response.completed', { response: completed([message]) }),
    )
    expect(response?.message?.reasoning).toMatchObject([{ text: 'Hm.' }])
  })

  it.each([
    [event('error', { code: 'rate_limit_exceeded', message: 'Slow down.', param: null }), 'UPSTREAM_RATE_LIMITED'],
    [
      event('error', { error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'Spent.' } }),
      'UPSTREAM_QUOTA_EXHAUSTED',
    ],
    [
      event('response.failed', {
        response: { ...head, status: 'failed', error: { code: 'server_error', message: 'Oh.' } },
      }),
      'UPSTREAM_ERROR',
    ],
    [{ error: { code: 'server_error', message: 'Oh.' } }, 'UPSTREAM_ERROR'],
    ['[DONE]', 'UPSTREAM_STREAM_TRUNCATED'],
    ['not JSON', 'UPSTREAM_MALFORMED'],
  ])('that fails before it says anything is an error: %j', async (last, reason) => {
    expect((await stream(created, last)).error?.reason).toBe(reason)
  })

  it('keeps what was said before it fails', async () => {
    const failed = event('response.failed', { response: { ...head, error: { code: 'server_error', message: 'Oh.' } } })
    const { events, error, usage: counted } = await stream(created, delta('output_text', 0, 'I '), failed)
    expect(error?.reason).toBe('UPSTREAM_STREAM_ERROR')
    expect(events.map(({ event: { case: kind } }) => kind)).toEqual(['start', 'text'])
    expect(counted?.estimated).toBe(true)
  })

  it('that breaks off is not complete', async () => {
    expect((await stream(created, delta('output_text', 0, 'I '))).error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
  })

  it('ignores events that it does not know, and progress of the vendor’s own tools', async () => {
    const { response, error } = await stream(
      created,
      event('response.web_search_call.searching', { output_index: 0 }),
      event('response.brand_new.delta', { output_index: 0, delta: 'x' }),
      event('keepalive', {}),
      event('response.image_generation_call.partial_image', { output_index: 0, partial_image_b64: 'AAAA' }),
      event('response.completed', { response: completed([message]) }),
    )
    expect(error).toBeUndefined()
    expect(response?.message?.parts).toEqual([])
  })
})

it('reports the service tier, and the web searches that the vendor charges for', async () => {
  const search = (type: string) => ({
    type: 'web_search_call',
    id: `ws_${type}`,
    status: 'completed',
    action: { type },
  })
  const output = [search('search'), search('open_page'), search('search'), message]
  const { response } = await decodeWhole(wire, completed(output, { service_tier: 'priority' }))
  expect(response?.usage).toMatchObject({ webSearches: 2, serviceTier: 'priority' })
  const { response: plain } = await decodeWhole(wire, completed([message], { service_tier: 'default' }))
  expect(plain?.usage).not.toHaveProperty('webSearches')
  expect(plain?.usage).not.toHaveProperty('serviceTier')
})
