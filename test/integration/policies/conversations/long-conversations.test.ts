import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import { ContextOverflow, LlmGateway, type Message, Role } from '../../../../src/domain/types.ts'
import { type ChatInit, chat, streamChat } from '../../../support/client.ts'
import { calling, longConversation, marked, result, system, user } from '../../../support/conversations.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { answers, failure, json, startUpstream, type UpstreamServer } from '../../../support/upstream-server.ts'

/* What happens to conversations that are longer than the context window of a model. */

const { DROP_OLDEST, ERROR } = ContextOverflow

let openai: UpstreamServer
let anthropic: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  openai = await startUpstream()
  anthropic = await startUpstream()
  gateway = await startGateway({
    yaml: `
      providers:
        house: { kind: openai, base_url: "${openai.url}", keys: ["\${KEY}"] }
        other: { kind: openai, base_url: "${openai.url}", keys: ["\${KEY}"] }
        claude: { kind: anthropic, base_url: "${anthropic.url}", keys: ["\${KEY}"] }
      models:
        plain: { targets: [house/small] }
        dropping: { targets: [house/small], context_overflow: drop_oldest }
        growing: { targets: [house/small, other/large], context_overflow: drop_oldest }
        shrinking: { targets: [other/unknown, house/small], context_overflow: drop_oldest }
        marked: { targets: [claude/small], context_overflow: drop_oldest }
        trimmed: { targets: [house/small], trim: true }
      prices:
        house/small: { input: 1, output: 1, context_window: 2000 }
        claude/small: { input: 1, output: 1, context_window: 2000 }
        other/large: { input: 1, output: 1, context_window: 20000 }
      cache: { max_entries: 100 }
    `,
    env: { KEY: 'a-key' },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await openai.close()
  await anthropic.close()
})

beforeEach(() => {
  openai.answer(answers('yes'))
  openai.hits.length = 0
})

const TOO_LONG = failure(400, { code: 'context_length_exceeded', message: 'too long' })

/** The contents of the messages of each request that the vendor was sent. */
function sent(upstream = openai): unknown[][] {
  return upstream.hits.map(({ json: { messages } }) =>
    Array.isArray(messages) ? messages.map((message: { content: unknown }) => message.content) : [],
  )
}

const textsOf = (messages: readonly Message[]) => messages.map(({ content }) => content)

let conversations = 0
/** A conversation that no test has sent, of about 2,400 tokens. */
function fresh(): Message[] {
  return [system(`Conversation ${conversations++}.`), ...longConversation(20).slice(1)]
}

describe('a conversation that is too long', () => {
  test.each<[string, ChatInit]>([
    ['where the call says so', { model: 'plain', contextOverflow: DROP_OLDEST }],
    ['where the call says so and names no alias', { model: 'house/small', contextOverflow: DROP_OLDEST }],
    ['where the alias says so', { model: 'dropping' }],
  ])('loses its oldest turns %s', async (_, request) => {
    const messages = fresh()
    const { value } = await chat(client, { ...request, messages })
    expect(value?.message?.content).toBe('yes')
    const [contents = []] = sent()
    const texts = textsOf(messages)
    const left = contents.length - 1
    expect(left).toBeGreaterThan(10)
    expect(left).toBeLessThan(41)
    expect(contents).toEqual([texts[0], ...texts.slice(-left)])
    expect(value?.route?.warnings).toEqual([
      `the context of house/small is too small: the ${(41 - left) / 2} oldest turns were dropped`,
    ])
  })

  test.each<[string, ChatInit]>([
    ['where nobody says otherwise', { model: 'plain' }],
    ['where the call wants it, whatever its alias says', { model: 'dropping', contextOverflow: ERROR }],
  ])('is sent as it is %s', async (_, request) => {
    openai.answer(TOO_LONG)
    const messages = fresh()
    const { error } = await chat(client, { ...request, messages })
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'CONTEXT_LENGTH_EXCEEDED' })
    expect(sent()).toEqual([textsOf(messages)])
  })

  it('is streamed, and answered in a batch, just so', async () => {
    const [streamed, batched] = [fresh(), fresh()]
    const { text, messages: events } = await streamChat(client, { model: 'dropping', messages: streamed })
    expect(text).toBe('yes')
    const last = events.at(-1)?.event
    expect(last?.case === 'finish' && last.value.route?.warnings).toHaveLength(1)
    const requests = [{ model: 'dropping', messages: batched }]
    const { messages: results } = await client.stream(LlmGateway.method.batchChat, { requests })
    expect(results[0]?.result).toMatchObject({ case: 'response', value: { route: { warnings: [expect.any(String)] } } })
    expect(sent().map(({ length }) => length)).toEqual([sent()[0]?.length, sent()[0]?.length])
  })

  it('is whole for a fallback with a larger window', async () => {
    openai.answer(failure(503), failure(503), answers('large'))
    const messages = fresh()
    const { value } = await chat(client, { model: 'growing', messages })
    expect(value?.message?.content).toBe('large')
    expect(sent().at(-1)).toEqual(textsOf(messages))
    expect(sent()[0]?.length).toBeLessThan(messages.length)
    expect(value?.route?.warnings).toEqual([])
  })

  it('that a vendor refuses is sent once more with half of it, then to the next target', async () => {
    openai.answer(TOO_LONG, TOO_LONG, answers('small'))
    const messages = fresh()
    const { value } = await chat(client, { model: 'shrinking', messages })
    expect(value?.message?.content).toBe('small')
    expect(value?.route?.attempts.map(({ provider, reason }) => [provider, reason])).toEqual([
      ['other', 'CONTEXT_LENGTH_EXCEEDED'],
      ['other', 'CONTEXT_LENGTH_EXCEEDED'],
      ['house', ''],
    ])
    const [whole, half, shorter] = sent().map(({ length }) => length)
    expect(whole).toBe(messages.length)
    expect(half).toBeLessThan(messages.length * 0.6)
    expect(shorter).toBeGreaterThan(half ?? 0)
  })

  it('keeps tool calls with their results', async () => {
    const rounds = Array.from({ length: 30 }, (_, turn) => [
      user(`question ${turn}`),
      calling(`a${turn}`, `b${turn}`),
      result(`b${turn}`, 'found it '.repeat(40)),
      result(`a${turn}`),
    ]).flat()
    await chat(client, { model: 'dropping', messages: [...rounds, user('so?')] })
    const [messages] = openai.hits.map(({ json }) => json['messages'])
    if (!Array.isArray(messages)) throw new Error('nothing was sent')
    const calls = messages.flatMap(({ tool_calls }) => tool_calls ?? []).map(({ id }: { id: string }) => id)
    const results = messages.flatMap(({ tool_call_id }) => tool_call_id ?? [])
    expect(calls.toSorted()).toEqual(results.toSorted())
    expect(calls.length).toBeGreaterThan(4)
    expect(calls.length).toBeLessThan(60)
  })

  it('keeps the marks of cached prefixes', async () => {
    const usage = { input_tokens: 3, output_tokens: 2 }
    const content = [{ type: 'text', text: 'yes' }]
    anthropic.answer(json({ id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content, usage }))
    const messages = fresh()
    const [first, question, ...rest] = messages
    if (!first || !question) throw new Error('no conversation')
    await chat(client, { model: 'marked', messages: [first, marked(question, 3600n), ...rest] })
    expect(anthropic.hits[0]?.json['system']).toEqual([
      { type: 'text', text: first.content, cache_control: { type: 'ephemeral', ttl: '1h' } },
    ])
  })
})

it('answers are cached by what the caller asked', async () => {
  const messages = fresh()
  const asked = { model: 'plain', messages, contextOverflow: DROP_OLDEST }
  const [first, second] = [await chat(client, asked), await chat(client, asked)]
  expect([first.value?.route?.cached, second.value?.route?.cached]).toEqual([false, true])
  expect(second.value?.route?.warnings).toEqual(first.value?.route?.warnings)
  await chat(client, { ...asked, contextOverflow: ERROR })
  expect(openai.hits).toHaveLength(2)
})

describe('Estimate', () => {
  it('says which targets fit and what would be done', async () => {
    const { value } = await client.unary(LlmGateway.method.estimate, { chat: { model: 'growing', messages: fresh() } })
    const [small, large] = value?.targets ?? []
    expect(small).toMatchObject({ provider: 'house', skipped: '', fits: false, contextOverflow: DROP_OLDEST })
    expect(small?.inputTokens).toBeLessThan(1_500)
    expect(small?.droppedTurns).toBeGreaterThan(5)
    expect(large).toMatchObject({ provider: 'other', fits: true, contextOverflow: ContextOverflow.UNSPECIFIED })
    expect(large).toMatchObject({ droppedTurns: 0 })
    expect(large?.inputTokens).toBeGreaterThan(small?.inputTokens ?? 0)
    expect(openai.hits).toEqual([])
  })

  it('says that nothing would be done where the call fails instead', async () => {
    const { value } = await client.unary(LlmGateway.method.estimate, { chat: { model: 'plain', messages: fresh() } })
    expect(value?.targets).toMatchObject([
      { fits: false, contextOverflow: ContextOverflow.UNSPECIFIED, droppedTurns: 0 },
    ])
  })
})

it('an unknown value is refused', async () => {
  const { error } = await chat(client, { model: 'plain', contextOverflow: 9 as ContextOverflow })
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['context_overflow'] })
})

it('an alias trims the texts of the system and the user', async () => {
  const messages = [
    { role: Role.SYSTEM, content: 'Be brief.  \n\n\n\n\nAlways.\t' },
    { role: Role.USER, content: '```\ncode  \n```  \nWhat is it? ' },
  ]
  await chat(client, { model: 'trimmed', messages })
  expect(sent()).toEqual([['Be brief.\n\n\nAlways.', '```\ncode  \n```  \nWhat is it?']])
})
