/**
 * A tour of the gateway: `npm run demo`. It starts one on free ports, with the built-in simulator in place of the
 * vendors, and calls it over gRPC as any program would. It needs no network and no key, and it ends with an error when
 * an answer is not what this page says.
 */
import assert from 'node:assert/strict'
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { ErrorInfoSchema, RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.js'
import { LlmGateway } from '../../gen/llmgateway/v1/gateway_pb.js'
import { Role } from '../../gen/llmgateway/v1/message_pb.js'
import { type Attempt, AttemptOutcome, ErrorDetailSchema } from '../../gen/llmgateway/v1/route_pb.js'
import { startGateway } from '../../test/support/gateway.ts'

/** Two providers. The first one's models `error-...` fail as a vendor in trouble does. */
const configuration = `
providers:
  first: { kind: simulator }
  second: { kind: simulator, pace_ms: 60 }
models:
  default: { targets: [first/echo] }
  unsteady: { targets: [first/error-503, second/echo] }
  hopeless: { targets: [first/error-503, second/error-429] }
cache: { ttl: 10m }
`

type Gateway = Client<typeof LlmGateway>

async function chat(gateway: Gateway): Promise<void> {
  title('Chat: one answer')
  const answer = await gateway.chat({ messages: [{ role: Role.USER, content: 'Say something simple.' }] })
  assert.equal(answer.message?.content, 'Say something simple.')
  assert.deepEqual([answer.usage?.input, answer.usage?.output], [6, 3])
  show('answer', answer.message.content)
  show('answered by', `${answer.route?.provider}/${answer.route?.model}`)
  show('tokens', `${answer.usage?.input} in, ${answer.usage?.output} out`)
}

async function streamChat(gateway: Gateway): Promise<void> {
  title('StreamChat: the same call, word by word')
  const question = 'Here is an answer that arrives while it is being written.'
  const request = { model: 'second/echo', messages: [{ role: Role.USER, content: question }] }
  const words: string[] = []
  let last = ''
  process.stdout.write(label('answer'))
  for await (const { event } of gateway.streamChat(request)) {
    last = event.case ?? ''
    if (event.case !== 'text') continue
    words.push(event.value.text)
    process.stdout.write(event.value.text)
  }
  process.stdout.write('\n')
  assert.equal(words.join(''), question)
  assert.equal(words.length, 11, 'each word is an event of its own')
  assert.equal(last, 'finish', 'a complete stream ends with a finish event')
}

async function embed(gateway: Gateway): Promise<void> {
  title('Embed: one vector for each text')
  const inputs = ['a quiet street', 'a busy harbour', 'a quiet street']
  const { embeddings } = await gateway.embed({ provider: 'first', inputs })
  assert.deepEqual(
    embeddings.map(({ values }) => values.length),
    [768, 768, 768],
  )
  assert.deepEqual(embeddings[0]?.values, embeddings[2]?.values, 'equal texts have equal vectors')
  for (const { index, values } of embeddings) {
    const beginning = values.slice(0, 4).map((value) => value.toFixed(4))
    show(inputs[index] ?? '', `${beginning.join(', ')}, ... (${values.length} numbers)`)
  }
}

async function fallback(gateway: Gateway): Promise<void> {
  title('Fallback: the first target fails twice, the second one answers')
  const request = { model: 'unsteady', messages: [{ role: Role.USER, content: 'Still here?' }] }
  const { message, route } = await gateway.chat(request)
  assert.equal(message?.content, 'Still here?')
  assert.equal(route?.fallbackUsed, true)
  assert.deepEqual(
    route.attempts.map(({ outcome }) => outcome),
    [AttemptOutcome.FAILED, AttemptOutcome.FAILED, AttemptOutcome.OK],
  )
  show('answer', message.content)
  for (const attempt of route.attempts) show('attempt', describe(attempt))
}

async function cache(gateway: Gateway): Promise<void> {
  title('Cache: the same question again asks nobody')
  const request = { model: 'second/echo', messages: [{ role: Role.USER, content: 'Again and again and again.' }] }
  const [first, second] = [await timed(gateway, request), await timed(gateway, request)]
  assert.deepEqual([first.answer.route?.cached, second.answer.route?.cached], [false, true])
  assert.deepEqual(second.answer.message, first.answer.message)
  assert.equal(second.answer.route?.attempts.length, 0)
  show('first', `${first.ms} ms, asked ${first.answer.route?.provider}`)
  show('again', `${second.ms} ms, known`)
}

async function timed(gateway: Gateway, request: Parameters<Gateway['chat']>[0]) {
  const startedAt = performance.now()
  const answer = await gateway.chat(request)
  return { answer, ms: Math.round(performance.now() - startedAt) }
}

async function failure(gateway: Gateway): Promise<void> {
  title('An error: every target fails, and the caller learns why')
  const request = { model: 'hopeless', messages: [{ role: Role.USER, content: 'Hello?' }] }
  const error = await gateway.chat(request).then(
    () => assert.fail('the call should have failed'),
    (reason) => ConnectError.from(reason),
  )
  const [info] = error.findDetails(ErrorInfoSchema)
  const [retry] = error.findDetails(RetryInfoSchema)
  const [detail] = error.findDetails(ErrorDetailSchema)
  assert.equal(error.code, Code.Unavailable)
  assert.equal(info?.reason, 'UPSTREAM_OVERLOADED')
  assert.equal(info.metadata['origin'], 'provider')
  assert.equal(retry?.retryDelay?.seconds, 1n)
  assert.deepEqual(
    detail?.attempts.map(({ status }) => status),
    [503, 503, 429, 429],
  )
  show('status', `${Code[error.code]}: ${error.rawMessage}`)
  show('reason', `${info.reason}, by the ${info.metadata['origin']}`)
  show('try again', `after ${retry.retryDelay.seconds} s`)
  for (const attempt of detail.attempts) show('attempt', describe(attempt))
}

function describe({ provider, model, outcome, reason, status }: Attempt): string {
  const why = reason === '' ? '' : `: ${reason} (HTTP ${status})`
  return `${provider}/${model} ${AttemptOutcome[outcome]}${why}`
}

function title(text: string): void {
  console.log(`\n${text}`)
}

function show(name: string, value: string): void {
  console.log(`${label(name)}${value}`)
}

function label(name: string): string {
  return `  ${name.padEnd(16)}`
}

const parts = [chat, streamChat, embed, fallback, cache, failure]
const running = await startGateway({ yaml: configuration })
try {
  show('gateway', `gRPC on ${running.grpc}`)
  const transport = createGrpcTransport({ baseUrl: `http://${running.grpc}`, defaultTimeoutMs: 20_000 })
  const gateway = createClient(LlmGateway, transport)
  for (const part of parts) await part(gateway)
} finally {
  await running.close()
}
console.log(`\n${parts.length} passed, 0 failed, 0 skipped`)
