import { Agent, request } from 'node:http'
import { connect } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { create, toBinary, toJsonString } from '@bufbuild/protobuf'
import { ChatRequestSchema, EmbedRequestSchema, Role } from '../../../src/domain/types.ts'
import { mutator } from '../../support/mutator.ts'
import { randomFrom } from '../../support/random.ts'
import { callFrame, flags, frame, frames, message, resetFrame, uint32 } from '../../support/raw-http2.ts'
import { times } from '../figures.ts'
import { CHAT, type Ports } from './senders.ts'

const SEED = 20_261_121
const AT_ONCE = 50
const PATIENCE = 2_000
/** The gateway keeps a connection that broke the protocol until its keepalive has passed. In ms. */
const LINGER = 20

const pixel = Buffer.from('89504e470d0a1a0a', 'hex')
const ask = create(ChatRequestSchema, {
  model: 'house/m',
  messages: [
    { role: Role.SYSTEM, content: 'be brief' },
    { role: Role.USER, parts: [{ content: { case: 'text', value: 'what is this?' } }, image()] },
    { role: Role.ASSISTANT, toolCalls: [{ id: '1', name: 'look', arguments: '{"at":[1,2,{"b":null}]}' }] },
    { role: Role.TOOL, toolCallId: '1', content: 'a cat' },
  ],
  temperature: 0.5,
  maxTokens: 100,
  stop: ['end'],
  tools: [{ name: 'look', parameters: '{"type":"object","properties":{"at":{"type":"array"}}}' }],
  responseFormat: { format: { case: 'jsonSchema', value: { name: 'x', schema: '{"type":"object"}' } } },
  providerOptions: { house: { deep: { list: [1, 'two', false, null] } } },
  labels: { team: 'a' },
})
const embed = create(EmbedRequestSchema, { model: 'house/m', inputs: ['one', 'two'], dimensions: 8 })

function image() {
  const value = { source: { case: 'data', value: pixel }, mimeType: 'image/png' } as const
  return { content: { case: 'image', value } } as const
}

const EMBED = CHAT.replace('Chat', 'Embed')
const good = [
  { path: CHAT, bytes: Buffer.from(toBinary(ChatRequestSchema, ask)), json: toJsonString(ChatRequestSchema, ask) },
  { path: CHAT.replace('Chat', 'StreamChat'), bytes: Buffer.from(toBinary(ChatRequestSchema, ask)), json: '' },
  {
    path: EMBED,
    bytes: Buffer.from(toBinary(EmbedRequestSchema, embed)),
    json: toJsonString(EmbedRequestSchema, embed),
  },
] as const

/** Sends so many messages at the gRPC door, each mutated: its bytes, or its prefix as well. */
export async function mutatedCalls({ grpc }: Ports, count: number): Promise<void> {
  const mutate = mutator(SEED)
  const random = randomFrom(SEED)
  const open = () => connect(`http://127.0.0.1:${grpc}`).on('error', () => {})
  let session = open()
  await times(count, AT_ONCE, async () => {
    const { path, bytes } = good[random(good.length)] ?? good[0]
    const body = random(4) === 0 ? mutate(message(bytes)) : message(mutate(bytes))
    if (session.closed || session.destroyed) session = open()
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', 'grpc-timeout': '2S' }
    const stream = session.request(headers)
    stream.on('error', () => {})
    stream.resume()
    stream.end(body)
    await new Promise((resolve) => stream.once('close', resolve))
  })
  session.destroy()
}

/** Sends so many requests at the HTTP door, each with a mutated body: JSON or protobuf. */
export async function mutatedRequests({ http }: Ports, count: number): Promise<void> {
  const mutate = mutator(SEED + 1)
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  await times(count, AT_ONCE, async (index) => {
    const { path, bytes, json } = good[index % 4 < 2 ? 0 : 2]
    const body = mutate(index % 2 ? bytes : Buffer.from(json))
    const type = index % 2 ? 'application/proto' : 'application/json'
    await new Promise((resolve) => {
      const to = { host: '127.0.0.1', port: http, agent, path, method: 'POST', timeout: PATIENCE }
      const sent = request({ ...to, headers: { 'content-type': type } }, (response) => response.resume())
      sent.on('timeout', () => sent.destroy())
      sent.on('error', () => {})
      sent.on('close', resolve)
      sent.end(body)
    })
  })
  agent.destroy()
}

/** Makes so many connections to the gRPC door, in each of which one frame is mutated. */
export async function mutatedFrames({ grpc }: Ports, count: number): Promise<void> {
  const mutate = mutator(SEED + 2)
  const random = randomFrom(SEED + 2)
  await times(count, AT_ONCE, async () => {
    const at = random(connection.length)
    const bytes = Buffer.concat(connection.map((one, index) => (index === at ? mutate(one) : one)))
    const socket = connectSocket(grpc, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    const leave = () => {
      if (random(2) === 0) socket.resetAndDestroy()
      else socket.end(() => setTimeout(() => socket.destroy(), LINGER))
    }
    socket.once('connect', () => socket.write(bytes, () => setTimeout(leave, random(20))))
    await closed
  })
}

const body = message(good[0].bytes)
/** A connection as it should be, each kind of frame in it. */
const connection: readonly Buffer[] = [
  Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frames.SETTINGS, 0, 0)]),
  frame(frames.SETTINGS, flags.ACK, 0),
  callFrame(1, CHAT, [['grpc-timeout', '2S']]),
  frame(frames.DATA, flags.END_STREAM, 1, body),
  frame(frames.PING, 0, 0, Buffer.alloc(8)),
  callFrame(3, CHAT.replace('Chat', 'StreamChat'), [['grpc-encoding', 'gzip']]),
  frame(frames.DATA, 0, 3, body.subarray(0, 100)),
  frame(frames.WINDOW_UPDATE, 0, 3, uint32(65_535)),
  frame(frames.DATA, flags.END_STREAM, 3, body.subarray(100)),
  callFrame(5, CHAT),
  resetFrame(5),
]
