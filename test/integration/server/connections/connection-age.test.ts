import { afterEach, expect, it } from 'vitest'
import { LlmGateway } from '../../../../src/domain/types.ts'
import { GrpcServer } from '../../../../src/server/grpc/grpc-server.ts'
import { eventually } from '../../../support/eventually.ts'
import { serverOptions } from '../../../support/server-options.ts'
import { TestClient } from '../../../support/test-client.ts'
import { chatResponse, TestStream } from '../../../support/test-stream.ts'

const { chat, streamChat } = LlmGateway.method
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

it('a client whose connections grow old is sent to new ones, and no call of it fails', async () => {
  const peers = new Set<string>()
  const { options } = serverOptions(
    {
      chat: async (_request, { peer }) => {
        peers.add(peer)
        return chatResponse('fine')
      },
      streamChat: async (_request, context) => {
        const stream = new TestStream(context).say('one')
        const { size } = peers
        void eventually(() => peers.size > size).then(() => stream.say('two').finish())
        return stream.events
      },
    },
    { maxConnectionAge: 300 },
  )
  const server = new GrpcServer(options)
  const client = new TestClient(await server.listen())
  closing.push(() => server.drain(0))
  closing.push(() => client.close())
  /** Streams are open while the connection under them is left for another one, and calls are made all the time. */
  let reading = true
  const codes = new Map<number, number>()
  const count = (code: number) => codes.set(code, (codes.get(code) ?? 0) + 1)
  const ask = async () => {
    while (reading) count((await client.unary(chat, {}).answer).ending.code)
  }
  const read = async () => {
    while (peers.size < 4) {
      const reader = client.stream(streamChat, {})
      count((await reader.ending).code)
      expect(reader.messages).toHaveLength(3)
    }
  }
  const asking = Promise.all([ask(), ask(), ask()])
  await Promise.all([read(), read(), read()])
  reading = false
  await asking
  expect([...codes.keys()]).toEqual([0])
  expect(peers.size).toBeGreaterThan(3)
})
