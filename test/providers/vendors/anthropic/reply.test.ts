import { describe, expect, it } from 'vitest'
import { FinishReason } from '../../../../src/domain/types.ts'
import { ANSWER_TOOL } from '../../../../src/providers/vendors/anthropic/tools.ts'
import { block, start, stop, stream, textBlock, whole, wire } from '../../../support/anthropic-replies.ts'
import { decodeWhole } from '../../../support/decode.ts'

describe('an answer', () => {
  it('is read whole', async () => {
    const { response } = await whole([{ type: 'text', text: 'Hello.' }])
    expect(response).toMatchObject({
      message: { content: 'Hello.' },
      finishReason: FinishReason.STOP,
      rawFinishReason: 'end_turn',
      usage: { input: 3, output: 2, total: 5, estimated: false },
      route: { upstreamId: 'msg_1', responseModel: 'claude-1' },
    })
  })

  it('is read as it comes, whatever the events between', async () => {
    const { response } = await stream(
      start(),
      { type: 'ping' },
      ...textBlock(0, 'Hel', 'lo.'),
      { type: 'something_new', value: 1 },
      ...stop(),
    )
    expect(response).toMatchObject({
      message: { content: 'Hello.' },
      finishReason: FinishReason.STOP,
      usage: { input: 3, output: 2 },
      route: { upstreamId: 'msg_1', responseModel: 'claude-1' },
    })
  })

  it('may be begun twice', async () => {
    const { response } = await stream(start(), start(), ...textBlock(0, 'Hello.'), ...stop())
    expect(response?.message?.content).toBe('Hello.')
  })

  it('that is begun twice has the counts of the later beginning', async () => {
    const later = start({ usage: { input_tokens: 9, cache_read_input_tokens: 4, output_tokens: 1 } })
    const { response } = await stream(start({ usage: { input_tokens: 0 } }), later, ...textBlock(0, 'Hi.'), ...stop())
    expect(response?.usage).toMatchObject({ input: 13, output: 2, cachedInput: 4, estimated: false })
  })

  it('may hold blocks whose end is not told', async () => {
    const citation = { type: 'web_search_result_location', url: 'https://a.example', cited_text: 'x' }
    const unended = [
      ...textBlock(0, 'Found.').slice(0, -1),
      { type: 'content_block_delta', index: 0, delta: { type: 'citations_delta', citation } },
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } },
      },
      {
        type: 'content_block_start',
        index: 1,
        content_block: { type: 'tool_use', id: 'b', name: 'g', input: { y: 2 } },
      },
    ]
    for (const ending of [stop('tool_use'), stop('tool_use').slice(0, 1)]) {
      const { response } = await stream(start(), ...unended, ...ending)
      expect(response?.message).toMatchObject({
        content: 'Found.',
        citations: [{ url: 'https://a.example', start: 0, end: 6 }],
        toolCalls: [
          { id: 'a', arguments: '{"x":1}' },
          { id: 'b', arguments: '{"y":2}' },
        ],
      })
    }
  })

  it('may begin with blocks that are complete', async () => {
    const content = [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 1 } }]
    const { response } = await stream(start({ content }), start({ content }), ...stop('tool_use'))
    expect(response?.message?.toolCalls).toMatchObject([{ id: 'toolu_1', name: 'look', arguments: '{"at":1}' }])
  })

  it('passes over blocks of the tools that the vendor runs itself', async () => {
    const { response } = await whole([
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'x' } },
      { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] },
      { type: 'text', text: 'Found.' },
    ])
    expect(response?.message).toMatchObject({ content: 'Found.', toolCalls: [] })
  })
})

describe('the end', () => {
  it.each([
    ['end_turn', FinishReason.STOP],
    ['stop_sequence', FinishReason.STOP],
    ['max_tokens', FinishReason.LENGTH],
    ['model_context_window_exceeded', FinishReason.LENGTH],
    ['refusal', FinishReason.CONTENT_FILTER],
    ['pause_turn', FinishReason.OTHER],
    ['constructor', FinishReason.OTHER],
  ])('%s', async (raw, reason) => {
    for (const { response } of [await whole([], { stop_reason: raw }), await stream(start(), ...stop(raw))]) {
      expect(response).toMatchObject({ finishReason: reason, rawFinishReason: raw })
    }
  })

  it('counts when only the last event is missing, and no earlier', async () => {
    const events = [start(), ...textBlock(0, 'Hello.'), ...stop()]
    expect((await stream(...events.slice(0, -1))).response?.message?.content).toBe('Hello.')
    const cut = await stream(...events.slice(0, -2))
    expect(cut.response).toBeUndefined()
    expect(cut.error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
  })
})

describe('tool calls', () => {
  const call = { type: 'tool_use', id: 'toolu_1', name: 'weather', input: {} }
  const piece = (text: string) => ({ type: 'input_json_delta', partial_json: text })

  it('are joined from their pieces, to the letter', async () => {
    const { response } = await stream(
      start(),
      ...textBlock(0, 'Let me look.'),
      ...block(1, call, piece(''), piece('{"city": "Flor'), piece('ence" }')),
      ...block(2, { ...call, id: 'toolu_2' }, piece('{}')),
      ...stop('tool_use'),
    )
    expect(response?.finishReason).toBe(FinishReason.TOOL_CALLS)
    expect(response?.message).toMatchObject({
      content: 'Let me look.',
      toolCalls: [
        { id: 'toolu_1', name: 'weather', arguments: '{"city": "Florence" }' },
        { id: 'toolu_2', name: 'weather', arguments: '{}' },
      ],
    })
  })

  it('may come interleaved', async () => {
    const [open, close] = [block(0, call), block(1, { ...call, id: 'toolu_2' })]
    const delta = (index: number, text: string) => ({ type: 'content_block_delta', index, delta: piece(text) })
    const { response } = await stream(
      start(),
      open[0],
      close[0],
      ...[delta(0, '{"a":'), delta(1, '{"b":'), delta(0, '1}'), delta(1, '2}')],
      open[1],
      close[1],
      ...stop('tool_use'),
    )
    expect(response?.message?.toolCalls.map((made) => made.arguments)).toEqual(['{"a":1}', '{"b":2}'])
  })

  it.each([
    ['none at all', {}, '{}'],
    ['at their beginning', { city: 'Rome' }, '{"city":"Rome"}'],
    ['as a text with JSON inside', '{"city":"Rome"}', '{"city":"Rome"}'],
  ])('may stream their arguments otherwise: %s', async (_how, input, expected) => {
    const { response } = await stream(start(), ...block(0, { ...call, input }), ...stop('tool_use'))
    expect(response?.message?.toolCalls[0]?.arguments).toBe(expected)
  })

  it.each([
    [{}, '{}'],
    [{ city: 'Rome' }, '{"city":"Rome"}'],
    ['{"city":"Rome"}', '{"city":"Rome"}'],
  ])('have their input as arguments in a whole answer: %j', async (input, expected) => {
    const { response } = await whole([{ ...call, input }], { stop_reason: 'tool_use' })
    expect(response?.message?.toolCalls[0]?.arguments).toBe(expected)
  })

  it('that carry the answer itself become its text', async () => {
    const answer = { type: 'tool_use', id: 'toolu_1', name: ANSWER_TOOL, input: {} }
    const streamed = await stream(start(), ...block(0, answer, piece('{"a":'), piece(' 1}')), ...stop('tool_use'))
    const unary = await whole([{ ...answer, input: { a: 1 } }], { stop_reason: 'tool_use' })
    expect(streamed.response?.message).toMatchObject({ content: '{"a": 1}', toolCalls: [] })
    expect(unary.response?.message).toMatchObject({ content: '{"a":1}', toolCalls: [] })
    for (const { response } of [streamed, unary]) {
      expect(response).toMatchObject({ finishReason: FinishReason.STOP, rawFinishReason: 'tool_use' })
    }
  })

  it('beside one that carries the answer still wait for their results', async () => {
    const { response } = await whole([{ ...call, name: ANSWER_TOOL, input: { a: 1 } }, call], {
      stop_reason: 'tool_use',
    })
    expect(response?.finishReason).toBe(FinishReason.TOOL_CALLS)
    expect(response?.message).toMatchObject({ content: '{"a":1}', toolCalls: [{ name: 'weather' }] })
  })
})

describe('thinking', () => {
  const blocks = [
    { type: 'thinking', thinking: 'Two and two.', signature: 'c2ln' },
    { type: 'redacted_thinking', data: 'ZW5j' },
    { type: 'thinking', thinking: '', signature: 'b21pdHRlZA==' },
  ]
  const expected = [
    { text: 'Two and two.', signature: 'c2ln', redacted: '' },
    { text: '', signature: '', redacted: 'ZW5j' },
    { text: '', signature: 'b21pdHRlZA==', redacted: '' },
  ]

  it('is kept block by block from a whole answer', async () => {
    const { response } = await whole([...blocks, { type: 'text', text: 'Four.' }])
    expect(response?.message).toMatchObject({ content: 'Four.', reasoning: expected })
  })

  it('is kept block by block from a stream, which may have empty ones', async () => {
    const think = { type: 'thinking', thinking: '', signature: '' }
    const { response } = await stream(
      start(),
      ...block(
        0,
        think,
        { type: 'thinking_delta', thinking: 'Two and ' },
        { type: 'thinking_delta', thinking: 'two.' },
        {
          type: 'signature_delta',
          signature: 'c2ln',
        },
      ),
      ...block(1, { type: 'redacted_thinking', data: 'ZW5j' }),
      ...block(2, think),
      ...block(3, think, { type: 'signature_delta', signature: 'b21pdHRlZA==' }),
      ...textBlock(4, 'Four.'),
      ...stop(),
    )
    expect(response?.message).toMatchObject({ content: 'Four.', reasoning: expected })
  })
})

describe('sources', () => {
  it('are told with the place of the text that they support', async () => {
    const citations = [
      { type: 'web_search_result_location', url: 'https://x.test', title: 'X', cited_text: 'grass is green' },
      { type: 'char_location', document_index: 0, document_title: 'Notes', cited_text: 'green', start_char_index: 9 },
    ]
    const expected = [
      { url: 'https://x.test', title: 'X', text: 'grass is green', start: 3, end: 12 },
      { url: '', title: 'Notes', text: 'green', start: 3, end: 12 },
    ]
    const unary = await whole([
      { type: 'text', text: '🌱: ' },
      { type: 'text', text: 'Is green.', citations },
      { type: 'text', text: ' So.' },
    ])
    const streamed = await stream(
      start(),
      ...textBlock(0, '🌱: '),
      ...block(
        1,
        { type: 'text', text: '', citations: [] },
        { type: 'citations_delta', citation: citations[0] },
        { type: 'text_delta', text: 'Is green.' },
        { type: 'citations_delta', citation: citations[1] },
      ),
      ...textBlock(2, ' So.'),
      ...stop(),
    )
    expect(unary.response?.message?.citations).toMatchObject(expected)
    expect(streamed.response?.message?.citations).toMatchObject(expected)
  })
})

describe('usage', () => {
  it('counts reads from and writes to the cache as input', async () => {
    const usage = {
      input_tokens: 10,
      cache_read_input_tokens: 200,
      cache_creation_input_tokens: 30,
      output_tokens: 7,
      output_tokens_details: { thinking_tokens: 4 },
    }
    const { response } = await whole([], { usage })
    expect(response?.usage).toMatchObject({ input: 240, cachedInput: 200, cacheWrite: 30, output: 7, reasoning: 4 })
  })

  it('reads what has its own price: entries kept for an hour, web searches and the service tier', async () => {
    const usage = {
      input_tokens: 10,
      cache_creation_input_tokens: 300,
      cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
      output_tokens: 7,
      server_tool_use: { web_search_requests: 2 },
      service_tier: 'priority',
    }
    const { response } = await whole([], { usage })
    expect(response?.usage).toMatchObject({
      input: 310,
      cacheWrite: 300,
      cacheWrite1h: 200,
      webSearches: 2,
      serviceTier: 'priority',
    })
  })

  it('takes the last word of a stream for each count', async () => {
    const first = { input_tokens: 43, cache_read_input_tokens: 5, output_tokens: 1 }
    const last = { input_tokens: 61, cache_read_input_tokens: null, output_tokens: 2 }
    const { response } = await stream(start({ usage: first }), ...textBlock(0, 'pong'), ...stop('end_turn', last))
    expect(response?.usage).toMatchObject({ input: 66, cachedInput: 5, output: 2, estimated: false })
  })

  it('is absent where it is not told, and a 0 is a 0', async () => {
    const { response } = await whole([], { usage: { input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 0 } })
    expect(response?.usage).toMatchObject({ input: 0, output: 0, cachedInput: 0 })
    expect(response?.usage).not.toHaveProperty('cacheWrite')
    expect(response?.usage).not.toHaveProperty('reasoning')
  })

  it.each([-1, 1.5, '3', 2 ** 53])('is estimated where a count cannot be one: %j', async (count) => {
    const { response } = await whole([{ type: 'text', text: '12345678' }], {
      usage: { input_tokens: 3, cache_read_input_tokens: count, output_tokens: 2 },
    })
    expect(response?.usage?.estimated).toBe(true)
  })

  it('of an answer that was cut is estimated from what came', async () => {
    const { usage, error } = await stream(start(), ...textBlock(0, '12345678'))
    expect(error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
    expect(usage).toMatchObject({ input: 3, output: 2, estimated: true })
  })
})

describe('failures', () => {
  const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }

  it.each([
    ['overloaded_error', 'UPSTREAM_OVERLOADED'],
    ['rate_limit_error', 'UPSTREAM_RATE_LIMITED'],
    ['authentication_error', 'UPSTREAM_CREDENTIALS'],
    ['permission_error', 'UPSTREAM_FORBIDDEN'],
    ['billing_error', 'UPSTREAM_BILLING'],
    ['not_found_error', 'UPSTREAM_MODEL_MISSING'],
    ['request_too_large', 'REQUEST_TOO_LARGE'],
    ['invalid_request_error', 'UPSTREAM_INVALID_REQUEST'],
    ['api_error', 'UPSTREAM_ERROR'],
    ['timeout_error', 'UPSTREAM_GATEWAY'],
  ])('before the answer mean what they say: %s', async (type, reason) => {
    const reported = { type: 'error', error: { type, message: 'No.' } }
    for (const { error } of [await stream(start(), reported), await decodeWhole(wire, reported)]) {
      expect(error?.reason).toBe(reason)
    }
  })

  it('amid the answer cut it, and what came before stays', async () => {
    const { events, error } = await stream(start(), ...textBlock(0, 'Hel').slice(0, 2), overloaded, ...stop())
    expect(error?.reason).toBe('UPSTREAM_STREAM_ERROR')
    expect(events.map(({ event }) => event.case)).toEqual(['start', 'text'])
  })

  it('do not show what the vendor says', async () => {
    const { error } = await stream(start(), { type: 'error', error: { type: 'api_error', message: 'sk-ant-secret' } })
    expect(error?.message).not.toContain('sk-ant-secret')
  })
})

describe('the list of models', () => {
  it('is asked for in one page, with the version of the API', () => {
    expect(wire.models.request({})).toEqual({
      path: '/v1/models?limit=1000',
      headers: { 'anthropic-version': '2023-06-01' },
    })
  })

  it('is read, and anything else is told as malformed', () => {
    expect(wire.models.decode({ data: [{ id: 'claude-1' }, { id: 2 }, null], has_more: false })).toEqual(['claude-1'])
    expect(() => wire.models.decode({ models: [] })).toThrow('no list of models')
  })
})

it('offers no embeddings', () => {
  expect(wire).not.toHaveProperty('embed')
})
