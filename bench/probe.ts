import { fromBinary } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { BatchChatResultSchema } from '../gen/llmgateway/v1/batch_pb.js'
import { ChatEventSchema, ChatResponseSchema } from '../gen/llmgateway/v1/chat_pb.js'
import { CompleteEventSchema, CompleteResponseSchema } from '../gen/llmgateway/v1/complete_pb.js'
import { EmbedResponseSchema } from '../gen/llmgateway/v1/embed_pb.js'
import { CALLER_KEY } from './load.ts'
import { BATCH_ITEMS, TEXT_EVENTS, VECTOR_LENGTH, VECTORS } from './servers/replies.ts'

export type Method = 'Chat' | 'StreamChat' | 'Complete' | 'StreamComplete' | 'BatchChat' | 'Embed'

/**
 * Makes one call through a real gRPC client, which unlike h2load reads statuses and messages. Returns the bytes of a
 * good reply; throws when it is not the one that was asked for.
 */
export async function probe(port: number, method: Method, request: Uint8Array): Promise<number> {
  const messages = await call(port, method, Buffer.from(request))
  if (!isWhole(method, messages)) throw new Error(`${method}: the reply is not whole`)
  return messages.reduce((sum, message) => sum + 5 + message.length, 0)
}

function call(port: number, method: Method, request: Buffer): Promise<Buffer[]> {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
  const metadata = new grpc.Metadata()
  metadata.set('authorization', `Bearer ${CALLER_KEY}`)
  const asItIs = (bytes: Buffer) => bytes
  const path = `/llmgateway.v1.LlmGateway/${method}`
  const options = { deadline: Date.now() + 30_000 }
  return new Promise((resolve, reject) => {
    const messages: Buffer[] = []
    // The wire of a unary call is that of a stream with one message.
    const reply = client.makeServerStreamRequest(path, asItIs, asItIs, request, metadata, options)
    reply.on('data', (message: Buffer) => messages.push(message))
    reply.on('error', reject)
    reply.on('status', ({ code }: grpc.StatusObject) => {
      client.close()
      if (code === grpc.status.OK) resolve(messages)
    })
  })
}

function isWhole(method: Method, messages: readonly Buffer[]): boolean {
  const [first = Buffer.alloc(0)] = messages
  switch (method) {
    case 'Chat':
      return fromBinary(ChatResponseSchema, first).message?.content !== ''
    case 'StreamChat': {
      const events = messages.map((message) => fromBinary(ChatEventSchema, message).event.case)
      return events.filter((event) => event === 'text').length === TEXT_EVENTS && events.at(-1) === 'finish'
    }
    case 'Complete':
      return fromBinary(CompleteResponseSchema, first).text !== ''
    case 'StreamComplete': {
      const events = messages.map((message) => fromBinary(CompleteEventSchema, message).event.case)
      return events.filter((event) => event === 'text').length === TEXT_EVENTS && events.at(-1) === 'finish'
    }
    case 'BatchChat': {
      const results = messages.map((message) => fromBinary(BatchChatResultSchema, message).result.case)
      return results.length === BATCH_ITEMS && results.every((result) => result === 'response')
    }
    case 'Embed': {
      const { embeddings } = fromBinary(EmbedResponseSchema, first)
      return embeddings.length === VECTORS && embeddings.every(({ values }) => values.length === VECTOR_LENGTH)
    }
  }
}
