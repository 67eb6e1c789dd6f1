/** TypeScript over grpc-js, with the messages of the generated code. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { create, type DescMethod, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import { ErrorInfoSchema, RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.js'
import { StatusSchema } from '../../../gen/google/rpc/status_pb.js'
import {
  type ChatEvent,
  ChatEventSchema,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
} from '../../../gen/llmgateway/v1/chat_pb.js'
import { LlmGateway } from '../../../gen/llmgateway/v1/gateway_pb.js'
import { Role } from '../../../gen/llmgateway/v1/message_pb.js'
import { ErrorDetailSchema } from '../../../gen/llmgateway/v1/route_pb.js'
import { check, gateway, rejectionOf } from './checks.ts'

type Question = Omit<MessageInitShape<typeof ChatRequestSchema>, '$typeName'>

const config = readFileSync(new URL('../../../docs/examples/service-config.json', import.meta.url), 'utf8')
const client = new grpc.Client(gateway.grpc, grpc.credentials.createInsecure(), { 'grpc.service_config': config })
const credential = new grpc.Metadata()
credential.set('authorization', gateway.authorization)

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}

function encode(question: Question): Buffer {
  const messages = [{ role: Role.USER, content: 'one two three' }]
  return Buffer.from(toBinary(ChatRequestSchema, create(ChatRequestSchema, { messages, ...question })))
}

function chat(question: Question, metadata = credential, timeout = 20_000): Promise<ChatResponse | undefined> {
  const path = pathOf(LlmGateway.method.chat)
  const options = { deadline: Date.now() + timeout }
  const read = (bytes: Buffer) => fromBinary(ChatResponseSchema, bytes)
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, encode, read, question, metadata, options, (error, answer) =>
      error ? reject(error) : resolve(answer),
    )
  })
}

function streamChat(question: Question): grpc.ClientReadableStream<ChatEvent> {
  const read = (bytes: Buffer) => fromBinary(ChatEventSchema, bytes)
  const options = { deadline: Date.now() + 20_000 }
  return client.makeServerStreamRequest(
    pathOf(LlmGateway.method.streamChat),
    encode,
    read,
    question,
    credential,
    options,
  )
}

await check('Chat', async () => {
  const answer = await chat({})
  assert.equal(answer?.message?.content, 'one two three')
})

await check('StreamChat', async () => {
  const kinds: unknown[] = []
  for await (const { event } of streamChat({})) kinds.push(event.case)
  assert.deepEqual(kinds, ['start', 'text', 'text', 'text', 'finish'])
})

await check('a stream that is cancelled', async () => {
  const call = streamChat({ model: 'endless/echo' })
  const read = async () => {
    for await (const { event } of call) if (event.case === 'text') call.cancel()
  }
  const error = await rejectionOf(read())
  assert.equal((error as grpc.ServiceError).code, grpc.status.CANCELLED)
})

await check('a stream that breaks off is not complete', async () => {
  const words: string[] = []
  const read = async () => {
    for await (const { event } of streamChat({ model: 'sim/cut' }))
      if (event.case === 'text') words.push(event.value.text)
  }
  const error = await rejectionOf(read())
  assert.deepEqual(words, ['one ', 'two '])
  assert.equal((error as grpc.ServiceError).code, grpc.status.UNAVAILABLE)
})

await check('a deadline', async () => {
  const error = await rejectionOf(chat({ model: 'sim/slow' }, credential, 500))
  assert.equal((error as grpc.ServiceError).code, grpc.status.DEADLINE_EXCEEDED)
})

await check('an error with its details', async () => {
  const error = (await rejectionOf(chat({ model: 'hopeless' }))) as grpc.ServiceError
  assert.equal(error.code, grpc.status.UNAVAILABLE)
  const [bytes] = error.metadata.get('grpc-status-details-bin')
  assert.ok(bytes instanceof Buffer)
  const { details } = fromBinary(StatusSchema, bytes)
  const [info, retry, detail] = details
  assert.ok(info && retry && detail)
  assert.equal(anyUnpack(info, ErrorInfoSchema)?.reason, 'UPSTREAM_OVERLOADED')
  assert.equal(anyUnpack(retry, RetryInfoSchema)?.retryDelay?.seconds, 1n)
  assert.equal(anyUnpack(detail, ErrorDetailSchema)?.attempts.length, 4)
})

await check('a call without a credential is refused', async () => {
  const error = await rejectionOf(chat({}, new grpc.Metadata()))
  assert.equal((error as grpc.ServiceError).code, grpc.status.UNAUTHENTICATED)
})

client.close()
