/** Connect's own clients for TypeScript, over the three protocols that they speak. */
import assert from 'node:assert/strict'
import { Code, ConnectError, createClient, type Interceptor, type Transport } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { ErrorInfoSchema, RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.js'
import { LlmGateway } from '../../../gen/llmgateway/v1/gateway_pb.js'
import { Role } from '../../../gen/llmgateway/v1/message_pb.js'
import { ErrorDetailSchema } from '../../../gen/llmgateway/v1/route_pb.js'
import { check, gateway, rejectionOf } from './checks.ts'

const messages = [{ role: Role.USER, content: 'one two three' }]
const httpVersion = '1.1'

const withCredential: Interceptor = (next) => (request) => {
  request.header.set('authorization', gateway.authorization)
  return next(request)
}

function transports(interceptors: Interceptor[]): Readonly<Record<string, Transport>> {
  const common = { interceptors, defaultTimeoutMs: 20_000 }
  return {
    gRPC: createGrpcTransport({ baseUrl: `http://${gateway.grpc}`, ...common }),
    'gRPC-Web': createGrpcWebTransport({ baseUrl: gateway.http, httpVersion, ...common }),
    Connect: createConnectTransport({ baseUrl: gateway.http, httpVersion, ...common }),
    'Connect in JSON': createConnectTransport({
      baseUrl: gateway.http,
      httpVersion,
      useBinaryFormat: false,
      ...common,
    }),
  }
}

for (const [protocol, transport] of Object.entries(transports([withCredential]))) {
  const client = createClient(LlmGateway, transport)

  await check(`Chat over ${protocol}`, async () => {
    const { message } = await client.chat({ messages })
    assert.equal(message?.content, 'one two three')
  })

  await check(`StreamChat over ${protocol}`, async () => {
    const kinds: unknown[] = []
    for await (const { event } of client.streamChat({ messages })) kinds.push(event.case)
    assert.deepEqual(kinds, ['start', 'text', 'text', 'text', 'finish'])
  })

  await check(`a stream that is cancelled over ${protocol}`, async () => {
    const cancel = new AbortController()
    const read = async () => {
      const events = client.streamChat({ model: 'endless/echo', messages }, { signal: cancel.signal })
      for await (const { event } of events) if (event.case === 'text') cancel.abort()
    }
    assert.equal(ConnectError.from(await rejectionOf(read())).code, Code.Canceled)
  })

  await check(`a deadline over ${protocol}`, async () => {
    const error = await rejectionOf(client.chat({ model: 'sim/slow', messages }, { timeoutMs: 500 }))
    assert.equal(ConnectError.from(error).code, Code.DeadlineExceeded)
  })

  await check(`an error with its details over ${protocol}`, async () => {
    const error = ConnectError.from(await rejectionOf(client.chat({ model: 'hopeless', messages })))
    assert.equal(error.code, Code.Unavailable)
    assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, 'UPSTREAM_OVERLOADED')
    assert.equal(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds, 1n)
    assert.equal(error.findDetails(ErrorDetailSchema)[0]?.attempts.length, 4)
  })
}

for (const [protocol, transport] of Object.entries(transports([]))) {
  await check(`a call without a credential is refused over ${protocol}`, async () => {
    const error = await rejectionOf(createClient(LlmGateway, transport).chat({ messages }))
    assert.equal(ConnectError.from(error).code, Code.Unauthenticated)
  })
}
