import { afterEach, expect, test } from 'vitest'
import { type BatchChatResult, CacheMode, LlmGateway, Role } from '../../../src/domain/types.ts'
import type { CallOptions } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { eventually } from '../../support/eventually.ts'
import { type GatewayOptions, type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { type Exchange, type Reply, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Many conversations in one call, over real sockets. */

const { batchChat } = LlmGateway.method

const closing: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function answerTo({ response, hit }: Exchange): void {
  const messages = hit.json['messages'] as readonly { readonly content: string }[] // as the gateway sends them
  const content = `answer to ${messages.at(-1)?.content}`
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
  const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ id: 'x', model: 'm', choices, usage }))
}

async function world(
  reply: Reply,
  server = '',
  movableTime: GatewayOptions['movableTime'] = false,
): Promise<{ upstream: UpstreamServer; gateway: RunningGateway }> {
  const upstream = await startUpstream(reply)
  closing.push(() => upstream.close())
  const gateway = await startGateway({
    movableTime,
    yaml: `
providers:
  house: { kind: local, base_url: "${upstream.url}", default_model: m, max_concurrent: 2 }
prices: { house/m: { input: 1, output: 10 } }
ledger: { url: memory }
${server}
`,
  })
  closing.push(() => gateway.close())
  return { upstream, gateway }
}

function clientsOf({ grpc, http }: RunningGateway) {
  const client = new GrpcClient(grpc)
  closing.push(() => client.close())
  return { client, connect: new ConnectClient(http) }
}

const question = (content: string, more = {}) => ({
  model: 'house/m',
  messages: [{ role: Role.USER, content }],
  ...more,
})

function textOf({ result }: BatchChatResult): string {
  if (result.case === 'response') return result.value.message?.content ?? ''
  return result.case === 'error' ? result.value.reason : String(result.case)
}

const byIndex = (results: readonly BatchChatResult[]) =>
  [...results].sort((one, other) => one.index - other.index).map(textOf)

/** Requests that the upstream holds until the test answers them. */
function holding() {
  const held: Exchange[] = []
  return { held, reply: (exchange: Exchange) => void held.push(exchange) }
}

test('each request is answered, with its own id, cost and route, at both servers', async () => {
  const { gateway } = await world(answerTo)
  const { client, connect } = clientsOf(gateway)
  const requests = [question('a'), question('b'), question('c', { model: 'house/other' }), { model: 'house/m' }]
  for (const { messages, error } of [
    await client.stream(batchChat, { requests }),
    await connect.stream(batchChat, { requests }),
  ]) {
    expect(error).toBeUndefined()
    expect(byIndex(messages)).toEqual(['answer to a', 'answer to b', 'answer to c', 'INVALID_REQUEST'])
    expect(new Set(messages.map(({ id }) => id)).size).toBe(4)
    const [first] = messages.filter(({ index }) => index === 0)
    expect(first?.result.value).toMatchObject({ id: first?.id, cost: { usd: 0.00006 }, route: { provider: 'house' } })
    const [invalid] = messages.filter(({ index }) => index === 3)
    expect(invalid?.result).toMatchObject({ case: 'error', value: { code: 3, reason: 'INVALID_REQUEST' } })
  }
})

test('equal requests under way together are sent once, and cost once', async () => {
  const { held, reply } = holding()
  const { gateway, upstream } = await world(reply)
  const { client } = clientsOf(gateway)
  const answered = client.stream(batchChat, { requests: Array.from({ length: 4 }, () => question('same')) })
  await eventually(() => held.length === 1)
  for (const exchange of held) answerTo(exchange)
  const { messages } = await answered
  expect(byIndex(messages)).toEqual(Array(4).fill('answer to same'))
  expect(upstream.hits).toHaveLength(1)
  const costs = messages.map(({ result }) => (result.case === 'response' ? result.value.cost?.usd : undefined))
  expect(costs.toSorted()).toEqual([0, 0, 0, 0.00006])
})

test('a request that asks for an answer of its own gets one', async () => {
  const { gateway, upstream } = await world(answerTo)
  const { client } = clientsOf(gateway)
  const requests = Array.from({ length: 3 }, () => question('same', { cache: { mode: CacheMode.BYPASS } }))
  const { messages } = await client.stream(batchChat, { requests })
  expect(messages).toHaveLength(3)
  expect(upstream.hits).toHaveLength(3)
})

test('a single call goes before the requests of a batch that wait', async () => {
  const { held, reply } = holding()
  const { gateway } = await world(reply)
  const { client } = clientsOf(gateway)
  const requests = Array.from({ length: 50 }, (_, index) => question(`item ${index}`))
  const batch = client.stream(batchChat, { requests })
  await eventually(() => held.length === 2)
  const single = client.unary(LlmGateway.method.chat, question('single'))
  const queued = async () => {
    const page = await (await fetch(gateway.metrics)).text()
    return Number(/^llm_gateway_concurrency_queued\{scope="house"[^}]*\} (\d+)/m.exec(page)?.[1])
  }
  await eventually(async () => (await queued()) === 7)
  const first = held.shift()
  if (first) answerTo(first)
  await eventually(() => held.length === 2)
  expect(JSON.stringify(held.at(-1)?.hit.json)).toContain('single')
  const answerAll = setInterval(() => held.splice(0).forEach(answerTo), 5)
  closing.push(() => clearInterval(answerAll))
  expect((await single).value?.message?.content).toBe('answer to single')
  expect((await batch).messages).toHaveLength(50)
})

test('a client that leaves closes the connections of all requests under way', async () => {
  const { held, reply } = holding()
  const { gateway, upstream } = await world(reply)
  const { client } = clientsOf(gateway)
  const leaving = new AbortController()
  const options: CallOptions = { signal: leaving.signal }
  const answered = client.stream(batchChat, { requests: [question('a'), question('b'), question('c')] }, options)
  await eventually(() => held.length === 2)
  leaving.abort()
  expect((await answered).error?.code).toBe('CANCELLED')
  await Promise.all(held.map(({ hit }) => hit.closed))
  expect(upstream.hits).toHaveLength(2)
})

test('a gateway that stops ends unfinished requests with DRAINING each, then OK', async () => {
  const { held, reply } = holding()
  const { gateway } = await world(reply, 'server: { drain: 60s, heartbeat: 1h }', 'only')
  const { client } = clientsOf(gateway)
  let results = 0
  const requests = [question('a'), question('b'), question('c')]
  const answered = client.stream(batchChat, { requests }, { onMessage: () => void results++ })
  await eventually(() => held.length === 2)
  for (const exchange of held) if (exchange.hit.body.includes('"a"')) answerTo(exchange)
  await eventually(() => results === 1)
  gateway.signal('SIGTERM')
  await gateway.logged(({ message }) => message === 'shutting down')
  await gateway.pass(60_000)
  const { messages, error } = await answered
  expect(error).toBeUndefined()
  expect(byIndex(messages)).toEqual(['answer to a', 'DRAINING', 'DRAINING'])
  expect(await gateway.exited).toBe(0)
})

test('a silent batch has heartbeats', async () => {
  const { held, reply } = holding()
  const { gateway } = await world(reply, 'server: { heartbeat: 50ms }')
  const { client } = clientsOf(gateway)
  let beats = 0
  const onMessage = (message: unknown) => {
    // The messages of this method.
    if ((message as BatchChatResult).result.case === 'heartbeat' && ++beats === 2)
      for (const exchange of held) answerTo(exchange)
  }
  const { messages } = await client.stream(batchChat, { requests: [question('a')] }, { onMessage })
  expect(messages.filter(({ result }) => result.case === 'response')).toHaveLength(1)
  expect(beats).toBeGreaterThanOrEqual(2)
})

test.each([0, 1_001])('a batch of %i requests is refused with its field', async (count) => {
  const { gateway, upstream } = await world(answerTo)
  const { client, connect } = clientsOf(gateway)
  const request = { requests: Array.from({ length: count }, () => question('a')) }
  for (const { error } of [await client.stream(batchChat, request), await connect.stream(batchChat, request)]) {
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: ['requests'] })
  }
  expect(upstream.hits).toEqual([])
})
