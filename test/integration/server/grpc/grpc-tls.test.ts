import * as grpc from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { LlmGateway } from '../../../../src/domain/types.ts'
import { GrpcServer } from '../../../../src/server/grpc/grpc-server.ts'
import { probe } from '../../../../src/server/grpc/probe.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { TestClient } from '../../../support/test-client.ts'
import { chatResponse } from '../../../support/test-stream.ts'
import { makeTlsFiles } from '../../../support/tls-files.ts'

const files = makeTlsFiles()
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(clientCa?: Buffer) {
  const { options, health } = serverOptions(
    { chat: async () => chatResponse('sealed') },
    { tls: { cert: files.cert, key: files.key, clientCa } },
  )
  const server = new GrpcServer(options)
  const port = await server.listen()
  health.setServing(true)
  closing.push(() => server.drain(0))
  return port
}

async function chat(port: number, credentials: grpc.ChannelCredentials) {
  const client = new TestClient(port, credentials, { 'grpc.ssl_target_name_override': 'localhost' })
  closing.push(() => client.close())
  return client.unary(LlmGateway.method.chat, {}).answer
}

describe('the gRPC door under TLS', () => {
  it('serves who trusts its authority', async () => {
    const { response } = await chat(await open(), grpc.credentials.createSsl(files.ca))
    expect(response?.message?.content).toBe('sealed')
  })

  it('asks for a certificate when a client authority is given', async () => {
    const port = await open(files.ca)
    const without = await chat(port, grpc.credentials.createSsl(files.ca))
    expect(without.ending.code).toBe(grpc.status.UNAVAILABLE)
    const { response } = await chat(port, grpc.credentials.createSsl(files.ca, files.key, files.cert))
    expect(response?.message?.content).toBe('sealed')
  })

  it('can be probed', async () => {
    const port = await open(files.ca)
    expect(await probe(`localhost:${port}`, { tls: files })).toBe(true)
    expect(await probe(`localhost:${port}`)).toBe(false)
  })
})
