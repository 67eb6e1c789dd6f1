import { afterAll, beforeAll, expect, test } from 'vitest'
import { HealthCheckService, ServingStatus } from '../../../src/domain/types.ts'
import { chat, type StreamedChat, streamChat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { freePort } from '../../support/ports.ts'
import {
  answers,
  begin,
  DONE,
  delta,
  type Exchange,
  STOP,
  startUpstream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* How a gateway that is told to stop treats those who still talk to it. */

let upstream: UpstreamServer

beforeAll(async () => {
  upstream = await startUpstream()
})

afterAll(() => upstream.close())

function startDraining(drain: string) {
  return startGateway({
    movableTime: 'only',
    yaml: `
      server: { drain: ${drain} }
      providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m, timeout: { first_token: 1h, idle: 1h, total: 1h } } }
    `,
  })
}

/** Streams that have all begun; the first half ends when `tell` is called, the others never. */
async function openStreams(client: GrpcClient, count: number) {
  const waiting: Exchange[] = []
  upstream.answer((exchange) => {
    begin(delta('one '))(exchange)
    waiting.push(exchange)
  })
  let begun = 0
  const streams = Array.from({ length: count }, (_, at) => {
    const first = { seen: false }
    const onMessage = () => {
      if (!first.seen) begun++
      first.seen = true
    }
    const half = at < count / 2 ? 'short' : 'long'
    return streamChat(client, { model: `house/${half}` }, { onMessage })
  })
  await eventually(() => expect(begun).toBe(count))
  const short = waiting.filter(({ hit }) => hit.json['model'] === 'short')
  const notify = () => short.forEach(({ response }) => void response.end([delta('two'), STOP, DONE].join('')))
  return { streams, notify, waiting }
}

test('200 streams at SIGTERM: those that end in time are whole, the others are told why, and all is let go', async () => {
  const gateway = await startDraining('60s')
  const client = new GrpcClient(gateway.grpc)
  const { streams, notify, waiting } = await openStreams(client, 200)
  gateway.signal('SIGTERM')
  await gateway.logged(({ message }) => message === 'shutting down')
  await gateway.pass(6_000)
  notify()
  await Promise.all(streams.slice(0, 100))
  await gateway.pass(54_000)
  const outcomes = await Promise.all(streams)
  const whole = ({ text, cases, error }: StreamedChat) =>
    text === 'one two' && cases.at(-1) === 'finish' && error === undefined
  const reported = ({ text, cases, error }: StreamedChat) =>
    text === 'one ' && !cases.includes('finish') && error?.code === 'UNAVAILABLE' && error.reason === 'DRAINING'
  expect(outcomes.slice(0, 100).filter(whole)).toHaveLength(100)
  expect(outcomes.slice(100).filter(reported)).toHaveLength(100)
  expect(await gateway.exited).toBe(0)
  await Promise.all(waiting.map(({ hit }) => hit.closed))
  client.close()
  await gateway.close()
})

test('a second SIGTERM ends it at once', async () => {
  const gateway = await startDraining('60s')
  const client = new GrpcClient(gateway.grpc)
  const { streams } = await openStreams(client, 2)
  gateway.signal('SIGTERM')
  await gateway.logged((line) => line['message'] === 'shutting down')
  gateway.signal('SIGTERM')
  expect(await gateway.exited).toBe(1)
  for (const { error } of await Promise.all(streams)) expect(error?.code).toBe('UNAVAILABLE')
  client.close()
  await gateway.close()
})

test('while it drains its connections are told to go, and none is taken', async () => {
  const gateway = await startDraining('60s')
  const old = new GrpcClient(gateway.grpc)
  const { streams, notify, waiting } = await openStreams(old, 2)
  gateway.signal('SIGTERM')
  // Calls are taken for a fifth of the time; after it nobody listens, and what is in flight goes on.
  const refusal = async () => {
    const late = new GrpcClient(gateway.grpc)
    upstream.answer(answers('late'))
    const { error } = await chat(late, {})
    late.close()
    return error?.code
  }
  await gateway.logged(({ message }) => message === 'shutting down')
  await gateway.pass(6_000)
  await eventually(async () => expect(await refusal()).toBe('UNAVAILABLE'))
  notify()
  for (const { response } of waiting) if (!response.writableEnded) response.end([STOP, DONE].join(''))
  for (const { error } of await Promise.all(streams)) expect(error).toBeUndefined()
  expect(await gateway.exited).toBe(0)
  old.close()
  await gateway.close()
})

test('it is ready though no provider answers: that is not what readiness means', async () => {
  const port = await freePort()
  const gateway = await startGateway({
    yaml: `providers: { gone: { kind: local, base_url: "http://127.0.0.1:${port}" } }`,
  })
  const client = new GrpcClient(gateway.grpc)
  const services = ['', 'llmgateway.v1.LlmGateway', 'live']
  for (const service of services) {
    const { value } = await client.unary(HealthCheckService.method.check, { service })
    expect(value?.status).toBe(ServingStatus.SERVING)
  }
  const leaving = new AbortController()
  const unknown = await client.stream(
    HealthCheckService.method.watch,
    { service: 'nobody.v1.Nothing' },
    { signal: leaving.signal, onMessage: () => leaving.abort() },
  )
  expect(unknown.messages.map(({ status }) => status)).toEqual([ServingStatus.SERVICE_UNKNOWN])
  // The gateway has not ended it.
  expect(unknown.error?.code).toBe('CANCELLED')
  client.close()
  await gateway.close()
})
