import { ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.js'
import { LlmGateway } from '../../gen/llmgateway/v1/gateway_pb.js'
import { Role } from '../../gen/llmgateway/v1/message_pb.js'

const address = process.argv[2] ?? '127.0.0.1:50051'
const gateway = createClient(LlmGateway, createGrpcTransport({ baseUrl: `http://${address}` }))
const options = { headers: { authorization: `Bearer ${process.env['GATEWAY_KEY'] ?? ''}` }, timeoutMs: 30_000 }
const messages = [{ role: Role.USER, content: 'Say something simple.' }]

const answer = await gateway.chat({ messages }, options)
console.log(answer.message?.content, answer.route?.provider, answer.usage?.total)

for await (const { event } of gateway.streamChat({ messages }, options)) {
  if (event.case === 'text') process.stdout.write(`[${event.value.text}]`)
}
console.log()

try {
  await gateway.chat({ model: 'sim/error-429', messages }, options)
} catch (thrown) {
  const error = ConnectError.from(thrown)
  console.log(error.findDetails(ErrorInfoSchema)[0]?.reason)
}
