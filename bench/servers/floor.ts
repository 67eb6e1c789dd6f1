import type { DescMessage, Message, MessageShape } from '@bufbuild/protobuf'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { Pool } from 'undici'
import {
  type BatchChatRequest,
  BatchChatRequestSchema,
  type BatchChatResult,
  BatchChatResultSchema,
} from '../../gen/llmgateway/v1/batch_pb.js'
import {
  type ChatEvent,
  ChatEventSchema,
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  FinishReason,
} from '../../gen/llmgateway/v1/chat_pb.js'
import {
  type CompleteEvent,
  CompleteEventSchema,
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
} from '../../gen/llmgateway/v1/complete_pb.js'
import {
  type EmbedRequest,
  EmbedRequestSchema,
  type EmbedResponse,
  EmbedResponseSchema,
} from '../../gen/llmgateway/v1/embed_pb.js'
import { LlmGateway } from '../../gen/llmgateway/v1/gateway_pb.js'
import { Role } from '../../gen/llmgateway/v1/message_pb.js'
import type { Usage } from '../../gen/llmgateway/v1/route_pb.js'

/*
 * The least that a program can do which takes a gRPC call, asks a vendor and answers: no key is checked, nothing is
 * counted, nothing is limited, errors are not distinguished, a slow reader is not waited for. What the gateway
 * costs is given as a multiple of it.
 *
 * The part of a model before the slash says where to ask: `sim` answers itself.
 */

const [, , port = '0', upstream = ''] = process.argv
const pool = new Pool(upstream, { connections: 256 })
const headers = { 'content-type': 'application/json', authorization: 'Bearer vendor' }

async function chat(request: ChatRequest): Promise<ChatResponse> {
  const [place, model] = request.model.split('/')
  if (place === 'sim') return chatResponse('sim', request.messages[0]?.content ?? '', undefined)
  const body = await post(`/${place}/v1/chat/completions`, bodyOf(model, request))
  const reply = (await body.json()) as OpenAiChat // what the upstream of these measurements answers
  return chatResponse(reply.id, reply.choices[0]?.message.content ?? '', usageOf(reply.usage))
}

async function streamChat(request: ChatRequest, call: grpc.ServerWritableStream<Message, ChatEvent>): Promise<void> {
  const [place, model] = request.model.split('/')
  const body = await post(`/${place}/v1/chat/completions`, bodyOf(model, request, true))
  let usage: OpenAiUsage | undefined
  await eachEvent(body, (event: OpenAiChunk) => {
    const text = event.choices[0]?.delta.content
    if (text) call.write(textEvent(text))
    if (event.usage) usage = event.usage
  })
  call.write(finishEvent(usage))
  call.end()
}

/** Eight items at once, as the gateway does if nothing else is configured. */
async function batchChat(
  { requests }: BatchChatRequest,
  call: grpc.ServerWritableStream<Message, BatchChatResult>,
): Promise<void> {
  const waiting = requests.entries()
  const answerInTurn = async () => {
    for (const [index, request] of waiting) {
      const response = await chat(request)
      const result = { case: 'response', value: response } as const
      call.write({ $typeName: 'llmgateway.v1.BatchChatResult', index, id: response.id, result })
    }
  }
  await Promise.all(Array.from({ length: 8 }, answerInTurn))
  call.end()
}

async function complete(request: CompleteRequest): Promise<CompleteResponse> {
  const body = await post(...completionOf(request))
  const reply = (await body.json()) as OpenAiCompletion // what the upstream of these measurements answers
  return {
    $typeName: 'llmgateway.v1.CompleteResponse',
    id: reply.id,
    text: reply.choices[0]?.text ?? '',
    finishReason: FinishReason.STOP,
    rawFinishReason: 'stop',
    ...(reply.usage && { usage: usageOf(reply.usage) }),
  }
}

async function streamComplete(
  request: CompleteRequest,
  call: grpc.ServerWritableStream<Message, CompleteEvent>,
): Promise<void> {
  const body = await post(...completionOf(request, true))
  let usage: OpenAiUsage | undefined
  await eachEvent(body, (event: OpenAiCompletion) => {
    const text = event.choices[0]?.text
    if (text) call.write(asCompletion(textEvent(text)))
    if (event.usage) usage = event.usage
  })
  call.write(asCompletion(finishEvent(usage)))
  call.end()
}

/** Reads a stream of server-sent events to its end. `E` is what the upstream of these measurements sends. */
async function eachEvent<E>(body: Awaited<ReturnType<typeof post>>, take: (event: E) => void): Promise<void> {
  body.setEncoding('utf8')
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data: ') && line !== 'data: [DONE]') take(JSON.parse(line.slice(6)))
  }
}

function completionOf({ model: name, prompt }: CompleteRequest, stream = false): [path: string, body: string] {
  const [place, model] = name.split('/')
  const body = { model, prompt, ...(stream && { stream, stream_options: { include_usage: true } }) }
  return [`/${place}/v1/completions`, JSON.stringify(body)]
}

/** Text and the finish are the same in both streams. */
function asCompletion({ event }: ChatEvent): CompleteEvent {
  return { $typeName: 'llmgateway.v1.CompleteEvent', event: event as CompleteEvent['event'] }
}

async function embed(request: EmbedRequest): Promise<EmbedResponse> {
  const [place, model] = request.model.split('/')
  const question = { model, input: request.inputs, encoding_format: place }
  const body = await post(`/${place}/v1/embeddings`, JSON.stringify(question))
  const reply = (await body.json()) as OpenAiEmbed // what the upstream of these measurements answers
  const embeddings = reply.data.map(({ index, embedding }) => ({
    $typeName: 'llmgateway.v1.Embedding' as const,
    index,
    values: typeof embedding === 'string' ? floatsOf(embedding) : embedding,
  }))
  return { $typeName: 'llmgateway.v1.EmbedResponse', embeddings, id: '', usage: usageOf(reply.usage) }
}

async function post(path: string, body: string) {
  return (await pool.request({ method: 'POST', path, headers, body })).body
}

function bodyOf(model: string | undefined, request: ChatRequest, stream = false): string {
  const messages = request.messages.map(({ content }) => ({ role: 'user', content }))
  return JSON.stringify({ model, messages, ...(stream && { stream, stream_options: { include_usage: true } }) })
}

function floatsOf(base64: string): number[] {
  return Array.from(new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer))
}

interface OpenAiUsage {
  readonly prompt_tokens: number
  readonly completion_tokens?: number
  readonly total_tokens: number
}
interface OpenAiChat {
  readonly id: string
  readonly choices: readonly { readonly message: { readonly content: string } }[]
  readonly usage: OpenAiUsage
}
interface OpenAiChunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[]
  readonly usage: OpenAiUsage | null
}
interface OpenAiCompletion {
  readonly id: string
  readonly choices: readonly { readonly text: string }[]
  readonly usage: OpenAiUsage | null
}
interface OpenAiEmbed {
  readonly data: readonly { readonly index: number; readonly embedding: string | number[] }[]
  readonly usage: OpenAiUsage
}

function usageOf(usage: OpenAiUsage): Usage {
  const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = usage
  return {
    $typeName: 'llmgateway.v1.Usage',
    input,
    ...(output !== undefined && { output }),
    total,
    estimated: false,
  }
}

function chatResponse(id: string, content: string, usage: Usage | undefined): ChatResponse {
  return {
    $typeName: 'llmgateway.v1.ChatResponse',
    id,
    message: {
      $typeName: 'llmgateway.v1.Message',
      role: Role.ASSISTANT,
      content,
      parts: [],
      reasoning: [],
      toolCalls: [],
      toolCallId: '',
      name: '',
      refusal: '',
      citations: [],
    },
    finishReason: FinishReason.STOP,
    rawFinishReason: 'stop',
    ...(usage && { usage }),
  }
}

function textEvent(text: string): ChatEvent {
  const event = { case: 'text', value: { $typeName: 'llmgateway.v1.TextEvent', text, signature: '' } } as const
  return { $typeName: 'llmgateway.v1.ChatEvent', event }
}

function finishEvent(usage: OpenAiUsage | undefined): ChatEvent {
  const value = {
    $typeName: 'llmgateway.v1.FinishEvent',
    finishReason: FinishReason.STOP,
    rawFinishReason: 'stop',
    ...(usage && { usage: usageOf(usage) }),
  } as const
  return { $typeName: 'llmgateway.v1.ChatEvent', event: { case: 'finish', value } }
}

function method<I extends DescMessage, O extends DescMessage>(name: string, input: I, output: O, stream: boolean) {
  const toBuffer = (schema: DescMessage) => (message: Message) => Buffer.from(toBinary(schema, message))
  return {
    path: `/${LlmGateway.typeName}/${name}`,
    requestStream: false,
    responseStream: stream,
    requestSerialize: toBuffer(input),
    requestDeserialize: (bytes: Buffer): MessageShape<I> => fromBinary(input, bytes),
    responseSerialize: toBuffer(output),
    responseDeserialize: (bytes: Buffer): MessageShape<O> => fromBinary(output, bytes),
  }
}

function unary<I, O>(answer: (request: I) => Promise<O>): grpc.handleUnaryCall<I, O> {
  return (call, callback) => {
    answer(call.request).then(
      (response) => callback(null, response),
      (error) => callback(error),
    )
  }
}

function streamed<I extends Message, O>(
  answer: (request: I, call: grpc.ServerWritableStream<Message, O>) => Promise<void>,
): grpc.handleServerStreamingCall<I, O> {
  return (call) => {
    answer(call.request, call).catch((error) => call.emit('error', error))
  }
}

const server = new grpc.Server({ 'grpc.enable_channelz': 0 })
server.addService(
  {
    chat: method('Chat', ChatRequestSchema, ChatResponseSchema, false),
    streamChat: method('StreamChat', ChatRequestSchema, ChatEventSchema, true),
    complete: method('Complete', CompleteRequestSchema, CompleteResponseSchema, false),
    streamComplete: method('StreamComplete', CompleteRequestSchema, CompleteEventSchema, true),
    batchChat: method('BatchChat', BatchChatRequestSchema, BatchChatResultSchema, true),
    embed: method('Embed', EmbedRequestSchema, EmbedResponseSchema, false),
  },
  {
    chat: unary(chat),
    streamChat: streamed(streamChat),
    complete: unary(complete),
    streamComplete: streamed(streamComplete),
    batchChat: streamed(batchChat),
    embed: unary(embed),
  },
)
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error
})
