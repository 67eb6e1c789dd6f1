import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import * as grpc from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/domain/error.ts'
import { GrpcServer } from '../../../../src/server/grpc/grpc-server.ts'
import { chatResponse, serverOptions } from '../../../server/server-world.ts'

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

describe('server reflection', () => {
  it.each(['v1', 'v1alpha'])('%s lists every service', async (version) => {
    const client = new grpc.Client(await open(), grpc.credentials.createInsecure())
    closing.push(() => client.close())
    const asItIs = (bytes: Buffer) => bytes
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
    const call = client.makeBidiStreamRequest(path, asItIs, asItIs)
    call.end(Buffer.from([0x3a, 0x00])) // ServerReflectionRequest { list_services: "" }
    const parts: Buffer[] = []
    for await (const part of call) parts.push(part)
    const names = Buffer.concat(parts).toString('latin1')
    for (const service of ['llmgateway.v1.LlmGateway', 'llmgateway.v1.LlmGatewayAdmin', 'grpc.health.v1.Health']) {
      expect(names).toContain(`${String.fromCharCode(service.length)}${service}`)
    }
  })
})

describe.runIf(hasGrpcurl)('grpcurl, without a proto file', () => {
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
