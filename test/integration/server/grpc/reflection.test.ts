import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/domain/errors/error.ts'
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../../../src/domain/types.ts'
import { GrpcServer } from '../../../../src/server/grpc/grpc-server.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { chatResponse } from '../../../support/test-stream.ts'

const run = promisify(execFile)
const hasGrpcurl = await run('grpcurl', ['-version']).then(
  () => true,
  () => false,
)
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(): Promise<string> {
  const { options } = serverOptions({
    chat: async ({ model }) => {
      if (model) return chatResponse('hello')
      throw new GatewayError('NO_PROVIDERS', 'No provider is configured.', { retryAfter: 2000 })
    },
  })
  const server = new GrpcServer(options)
  closing.push(() => server.drain(0))
  return `127.0.0.1:${await server.listen()}`
}

type Question = Partial<NonNullable<ServerReflectionRequest['messageRequest']>>

/** Asks one conversation, of either version, these questions. */
async function ask(version: string, ...questions: readonly Question[]): Promise<ServerReflectionResponse[]> {
  const client = new grpc.Client(await open(), grpc.credentials.createInsecure())
  closing.push(() => client.close())
  const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
  const call = client.makeBidiStreamRequest<ServerReflectionRequest, ServerReflectionResponse>(
    path,
    (request) => Buffer.from(toBinary(ServerReflectionRequestSchema, request)),
    (bytes) => fromBinary(ServerReflectionResponseSchema, bytes),
  )
  for (const messageRequest of questions) {
    call.write(create(ServerReflectionRequestSchema, { messageRequest } as ServerReflectionRequest)) // one of its cases
  }
  call.end()
  const responses: ServerReflectionResponse[] = []
  for await (const response of call) responses.push(response)
  return responses
}

function filesIn({ messageResponse }: ServerReflectionResponse): FileDescriptorProto[] {
  if (messageResponse.case !== 'fileDescriptorResponse') throw new Error(`got ${messageResponse.case}`)
  return messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
}

describe('server reflection', () => {
  it.each(['v1', 'v1alpha'])('%s lists every service', async (version) => {
    const [response] = await ask(version, { case: 'listServices', value: '' })
    expect(response?.messageResponse).toMatchObject({
      case: 'listServicesResponse',
      value: {
        service: [
          { name: 'llmgateway.v1.LlmGateway' },
          { name: 'llmgateway.v1.LlmGatewayAdmin' },
          { name: 'grpc.health.v1.Health' },
        ],
      },
    })
  })

  it.each(['llmgateway.v1.LlmGateway', 'llmgateway.v1.LlmGateway.Chat'])(
    'describes %s with its imports and comments',
    async (symbol) => {
      const [response] = await ask('v1', { case: 'fileContainingSymbol', value: symbol })
      const files = response ? filesIn(response) : []
      expect(files.map(({ name }) => name)).toEqual(
        expect.arrayContaining([
          'llmgateway/v1/gateway.proto',
          'llmgateway/v1/chat.proto',
          'google/protobuf/struct.proto',
        ]),
      )
      const comments = files[0]?.sourceCodeInfo?.location.map(({ leadingComments }) => leadingComments)
      expect(comments).toContain(' Sends a conversation to a model and returns the whole answer.\n')
    },
  )

  it.each([
    ['a message', 'llmgateway.v1.ChatRequest', 'llmgateway/v1/chat.proto'],
    ['a field', 'llmgateway.v1.ChatRequest.top_p', 'llmgateway/v1/chat.proto'],
    ['an enum', 'llmgateway.v1.Role', 'llmgateway/v1/message.proto'],
    ['an enum value', 'llmgateway.v1.ROLE_USER', 'llmgateway/v1/message.proto'],
    ['a nested message', 'google.rpc.BadRequest.FieldViolation', 'google/rpc/error_details.proto'],
    ['a value of a nested enum', 'grpc.health.v1.HealthCheckResponse.SERVING', 'grpc/health/v1/health.proto'],
  ])('finds the file of %s', async (_, symbol, file) => {
    const [response] = await ask('v1', { case: 'fileContainingSymbol', value: symbol })
    expect(response && filesIn(response)[0]?.name).toBe(file)
  })

  it('answers one question after the other, in order', async () => {
    const responses = await ask(
      'v1',
      { case: 'fileByFilename', value: 'llmgateway/v1/route.proto' },
      { case: 'fileByFilename', value: 'nothing.proto' },
      { case: 'allExtensionNumbersOfType', value: 'llmgateway.v1.Route' },
      { case: 'fileContainingSymbol', value: 'llmgateway.v1.Nothing' },
    )
    expect(responses.map(({ messageResponse }) => messageResponse)).toMatchObject([
      { case: 'fileDescriptorResponse' },
      { case: 'errorResponse', value: { errorCode: 5, errorMessage: 'There is no file nothing.proto.' } },
      { case: 'allExtensionNumbersResponse', value: { baseTypeName: 'llmgateway.v1.Route', extensionNumber: [] } },
      { case: 'errorResponse', value: { errorCode: 5 } },
    ])
    expect(responses[1]?.originalRequest?.messageRequest.value).toBe('nothing.proto')
  })
})

describe.runIf(hasGrpcurl)('grpcurl, without a proto file', () => {
  it('shows the comments of the contract', async () => {
    const { stdout } = await run('grpcurl', ['-plaintext', await open(), 'describe', 'llmgateway.v1.ChatRequest'])
    expect(stdout).toContain('// The conversation, oldest message first. 1 to 2048 messages.')
  })

  it('calls a method', async () => {
    const method = 'llmgateway.v1.LlmGateway/Chat'
    const { stdout } = await run('grpcurl', ['-plaintext', '-d', '{"model":"sim/echo"}', await open(), method])
    expect(JSON.parse(stdout)).toMatchObject({ id: 'chat-1', message: { content: 'hello' } })
  })

  it('reads the details of an error', async () => {
    const arguments_ = ['-plaintext', '-format-error', '-d', '{}', await open(), 'llmgateway.v1.LlmGateway/Chat']
    const { stderr } = await run('grpcurl', arguments_).catch((error) => error)
    expect(JSON.parse(stderr)).toMatchObject({
      code: 9,
      message: 'No provider is configured.',
      details: [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'NO_PROVIDERS', domain: 'llmgateway.v1' },
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '2s' },
        { '@type': 'type.googleapis.com/llmgateway.v1.ErrorDetail' },
      ],
    })
  })

  it('checks the health', async () => {
    const address = await open()
    const { stdout } = await run('grpcurl', [
      '-plaintext',
      '-d',
      '{"service":"live"}',
      address,
      'grpc.health.v1.Health/Check',
    ])
    expect(JSON.parse(stdout)).toEqual({ status: 'SERVING' })
  })
})
