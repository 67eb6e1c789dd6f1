import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Door, streamChat } from '../support/client.ts'
import { ConnectClient } from '../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import {
  answers,
  failure,
  type Reply,
  silence,
  startUpstream,
  type UpstreamServer,
} from '../support/upstream-server.ts'

let gateway: RunningGateway
let upstream: UpstreamServer
let doors: Record<'gRPC' | 'HTTP', Door>

beforeAll(async () => {
  upstream = await startUpstream(silence)
  gateway = await startGateway({
    yaml: `
      server: { heartbeat: 100ms }
      providers: { house: { kind: local, base_url: "${upstream.url}", timeout: { first_token: 450ms } } }
      models: { twice: { targets: [house/silent, house/other] } }
    `,
  })
  doors = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
})

afterAll(async () => {
  for (const door of Object.values(doors)) door.close()
  await gateway.close()
  await upstream.close()
})

const silentThen =
  (reply: Reply): Reply =>
  (exchange) =>
    exchange.hit.json['model'] === 'silent' ? undefined : reply(exchange)

test.each(['gRPC', 'HTTP'] as const)(
  'at the %s door a silent stream beats, and falls back all the same',
  async (door) => {
    upstream.answer(silentThen(answers('one ', 'two')))
    const { text, cases, error } = await streamChat(doors[door], { model: 'twice' })
    expect({ text, error }).toEqual({ text: 'one two', error: undefined })
    const beats = cases.lastIndexOf('heartbeat') + 1
    expect(beats).toBeGreaterThanOrEqual(2)
    expect(cases.slice(0, beats)).toEqual(new Array(beats).fill('heartbeat'))
    expect(cases.slice(beats)).toEqual(['start', 'text', 'text', 'finish'])
  },
)

test.each(['gRPC', 'HTTP'] as const)(
  'at the %s door a stream that beat may still be refused, uncommitted',
  async (door) => {
    upstream.answer(silentThen(failure(401)))
    const { cases, error } = await streamChat(doors[door], { model: 'twice' })
    expect(new Set(cases)).toEqual(new Set(['heartbeat']))
    expect(error).toMatchObject({ metadata: { committed: 'false' }, detail: { committed: false } })
  },
)
