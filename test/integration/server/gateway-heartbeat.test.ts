import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import {
  answers,
  failure,
  type Reply,
  silence,
  startUpstream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

let gateway: RunningGateway
let upstream: UpstreamServer
let servers: Record<'gRPC' | 'HTTP', ServerName>

beforeAll(async () => {
  upstream = await startUpstream(silence)
  gateway = await startGateway({
    movableTime: true,
    yaml: `
      server: { heartbeat: 10s }
      providers: { house: { kind: local, base_url: "${upstream.url}", timeout: { first_token: 45s } } }
      models: { twice: { targets: [house/silent, house/other] } }
    `,
  })
  servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
})

afterAll(async () => {
  for (const server of Object.values(servers)) server.close()
  await gateway.close()
  await upstream.close()
})

const silentThen =
  (reply: Reply): Reply =>
  (exchange) =>
    exchange.hit.json['model'] === 'silent' ? undefined : reply(exchange)

/** A call whose first target says nothing until its time is up. */
async function silentFor45Seconds(server: ServerName) {
  const [hit, call] = [upstream.nextHit(), streamChat(server, { model: 'twice' })]
  await hit
  await gateway.pass(45_000)
  return call
}

test.each(['gRPC', 'HTTP'] as const)(
  'at the %s door a silent stream beats, and falls back all the same',
  async (server) => {
    upstream.answer(silentThen(answers('one ', 'two')))
    const { text, cases, error } = await silentFor45Seconds(servers[server])
    expect({ text, error }).toEqual({ text: 'one two', error: undefined })
    const beats = cases.lastIndexOf('heartbeat') + 1
    expect(beats).toBe(4)
    expect(cases.slice(0, beats)).toEqual(new Array(beats).fill('heartbeat'))
    expect(cases.slice(beats)).toEqual(['start', 'text', 'text', 'finish'])
  },
)

test.each(['gRPC', 'HTTP'] as const)(
  'at the %s door a stream that beat may still be refused, uncommitted',
  async (server) => {
    upstream.answer(silentThen(failure(401)))
    const { cases, error } = await silentFor45Seconds(servers[server])
    expect(new Set(cases)).toEqual(new Set(['heartbeat']))
    expect(error).toMatchObject({ metadata: { committed: 'false' }, detail: { committed: false } })
  },
)
