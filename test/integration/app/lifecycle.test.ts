import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HealthCheckService, LlmGateway, ServingStatus } from '../../../src/domain/types.ts'
import { type CallOptions, chat, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { runGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import {
  answers,
  begin,
  DONE,
  delta,
  type Reply,
  STOP,
  startUpstream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* How a gateway starts, and how it ends. */

let upstream: UpstreamServer

beforeAll(async () => {
  upstream = await startUpstream()
})

afterAll(() => upstream.close())

/** A gateway that drains for so long, with one client at each door. */
async function startDraining(drain: string) {
  const gateway = await startGateway({
    movableTime: 'only',
    yaml: `
      server: { drain: ${drain} }
      providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m, timeout: { first_token: 1h, idle: 1h, total: 1h } } }
    `,
  })
  const servers = [new GrpcClient(gateway.grpc), new ConnectClient(gateway.http)] as const
  const close = async () => {
    for (const server of servers) server.close()
    await gateway.close()
  }
  return { gateway, servers, close }
}

/** Begins to answer, and goes on when it is told to. */
function untilNotified(): { readonly reply: Reply; notify(): void } {
  const waiting: (() => void)[] = []
  return {
    reply: (exchange) => {
      begin(delta('one '))(exchange)
      waiting.push(() => exchange.response.end([delta('two'), STOP, DONE].join('')))
    },
    notify: () => waiting.forEach((goOn) => void goOn()),
  }
}

/** Starts a call, and settles with it once its first message is here. */
async function begun<T>(start: (options: CallOptions) => Promise<T>): Promise<{ readonly ended: Promise<T> }> {
  let ended: Promise<T> | undefined
  await new Promise<unknown>((onMessage) => {
    ended = start({ onMessage })
  })
  if (!ended) throw new Error('the call did not start')
  return { ended }
}

describe('SIGTERM', () => {
  test('lets streams finish at both doors, takes calls for a while, tells who watches, and exits with 0', async () => {
    const { gateway, servers, close } = await startDraining('60s')
    const { reply, notify } = untilNotified()
    upstream.answer(reply)
    const streams = await Promise.all(
      servers.map((server) => begun((options) => streamChat(server, { model: 'house/m' }, options))),
    )
    const statuses: unknown[] = []
    let reportNotServing = () => {}
    const notServing = new Promise<void>((resolve) => {
      reportNotServing = resolve
    })
    const watch = await begun(({ onMessage: notifyStarted }) =>
      servers[0].stream(
        HealthCheckService.method.watch,
        { service: '' },
        {
          onMessage(message) {
            statuses.push(Object(message).status)
            if (statuses.length === 2) reportNotServing()
            notifyStarted?.(message)
          },
        },
      ),
    )

    gateway.signal('SIGTERM')
    await notServing
    expect((await fetch(`${gateway.http}/readyz`)).status).toBe(503)
    expect((await fetch(`${gateway.http}/healthz`)).status).toBe(200)
    upstream.answer(answers('late'))
    for (const server of servers) expect((await chat(server, {})).value?.message?.content).toBe('late')

    await gateway.pass(6_000)
    await watch.ended
    expect(statuses).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING])

    notify()
    for (const { ended } of streams) {
      const { text, cases, error } = await ended
      expect({ text, last: cases.at(-1), error }).toEqual({ text: 'one two', last: 'finish', error: undefined })
    }
    expect(await gateway.exited).toBe(0)
    await close()
  })

  test('ends with UNAVAILABLE what does not finish in time, and exits with 0 all the same', async () => {
    const { gateway, servers, close } = await startDraining('60s')
    upstream.answer(begin(delta('one ')))
    const streams = await Promise.all(
      servers.map((server) => begun((options) => streamChat(server, { model: 'house/m' }, options))),
    )
    const [hit] = upstream.hits.slice(-1)
    gateway.signal('SIGTERM')
    await gateway.logged(({ message }) => message === 'shutting down')
    await gateway.pass(60_000)
    for (const { ended } of streams) {
      const { text, error } = await ended
      expect(text).toBe('one ')
      expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'DRAINING' })
    }
    await hit?.closed
    expect(await gateway.exited).toBe(0)
    await close()
  })
})

test('without providers the gateway starts, takes no calls, and says what to set', async () => {
  const gateway = await startGateway({ yaml: 'providers: {}' })
  const client = new GrpcClient(gateway.grpc)
  const check = (service: string) => client.unary(HealthCheckService.method.check, { service })
  expect((await check('')).value?.status).toBe(ServingStatus.NOT_SERVING)
  expect((await check('live')).value?.status).toBe(ServingStatus.SERVING)
  expect((await check('nobody.v1.Nothing')).error?.code).toBe('NOT_FOUND')
  expect((await fetch(`${gateway.http}/readyz`)).status).toBe(503)
  expect((await fetch(`${gateway.http}/healthz`)).status).toBe(200)
  const { error } = await chat(client, {})
  expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'NO_PROVIDERS' })
  expect(error?.message).toContain('OPENAI_API_KEY')
  expect(gateway.output()).toContain('No provider is configured')
  const health = await client.unary(LlmGateway.method.health, {})
  expect(health.value?.providers).toEqual([])
  client.close()
  await gateway.close()
})

describe('a configuration that is wrong', () => {
  const yaml = `
    server: { max_deadlin: 5s }
    providers:
      house: { kind: local, base_url: "http://169.254.169.254/v1" }
      decimal: { kind: local, base_url: "http://2852039166/v1" }
      hexadecimal: { kind: local, base_url: "http://0xa9fea9fe/v1" }
      mapped: { kind: local, base_url: "http://[::ffff:169.254.169.254]/v1" }
      ipv6: { kind: local, base_url: "http://[fd00:ec2::254]/v1" }
      user: { kind: local, base_url: "http://user:canary-password@10.0.0.1/v1" }
      written: { kind: openai, keys: [canary-key-in-the-file] }
      unset: { kind: openai, keys: ["$\{NOT_SET}"] }
      private: { kind: local, base_url: "http://10.0.0.1:8000/v1" }
    models: { fast: { targets: [nobody/m] } }
  `
  const EXPECTED = [
    /^server\.max_deadlin: .*max_deadline/m,
    /^providers\.house\.base_url: .*metadata service/m,
    /^providers\.decimal\.base_url: .*metadata service/m,
    /^providers\.hexadecimal\.base_url: .*metadata service/m,
    /^providers\.mapped\.base_url: .*metadata service/m,
    /^providers\.ipv6\.base_url: .*metadata service/m,
    /^providers\.user\.base_url: .*user name or password/m,
    /^providers\.written\.keys\[0\]: .*secret/m,
    /^providers\.unset\.keys\[0\]: .*NOT_SET/m,
  ]

  test.each(['serve', 'check'] as const)(
    'ends "%s" with 1, and each mistake is told with its path',
    async (command) => {
      const { exitCode, output } = await runGateway(command, { yaml })
      expect(exitCode).toBe(1)
      for (const expected of EXPECTED) expect(output).toMatch(expected)
      expect(output).not.toMatch(/^providers\.private/m)
      expect(output).not.toContain('canary')
    },
  )
})
