import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ChatInit, chat, type ServerName } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Addresses of images that a server on one's own network would fetch. */

let gateway: RunningGateway
let upstream: UpstreamServer
let servers: Record<'gRPC' | 'HTTP', ServerName>

beforeAll(async () => {
  upstream = await startUpstream(answers('seen'))
  gateway = await startGateway({
    yaml: `
providers:
  house: { kind: vllm, base_url: "${upstream.url}", default_model: m }
  proxy: { kind: litellm, base_url: "${upstream.url}", default_model: m }
  inside: { kind: vllm, base_url: "${upstream.url}", default_model: m, private_urls: true }
  cloud: { kind: openai, base_url: "${upstream.url}", keys: ["\${CLOUD_KEY}"], default_model: gpt-4o }
models:
  both: { targets: [house/m, cloud/gpt-4o] }
`,
    env: { CLOUD_KEY: 'key-of-the-cloud' },
  })
  servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
})

afterAll(async () => {
  for (const server of Object.values(servers)) server.close()
  await gateway.close()
  await upstream.close()
})

beforeEach(() => {
  upstream.hits.length = 0
})

function showing(url: string, more: ChatInit): ChatInit {
  const image = { content: { case: 'image', value: { source: { case: 'url', value: url } } } } as const
  return Object.assign({ messages: [{ role: 3, parts: [image] }] }, more)
}

const PRIVATE = [
  'http://169.254.169.254/latest/meta-data/iam',
  'http://2852039166/',
  'http://0xa9.254.0251.0xfe/',
  'http://[::ffff:169.254.169.254]/',
  'http://127.0.0.1:6379/',
  'http://localhost/a.png',
  'http://redis/a.png',
  'http://metadata.google.internal/',
  'http://[fd00::1]/a.png',
]

describe.each(['gRPC', 'HTTP'] as const)('at the %s server', (name) => {
  test.each(PRIVATE)('%s is refused for a server of one’s own', async (url) => {
    for (const provider of ['house', 'proxy']) {
      const { error } = await chat(servers[name], showing(url, { provider }))
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'UNSUPPORTED' })
      expect(error?.message).toContain('no addresses of private networks')
    }
    expect(upstream.hits).toEqual([])
  })

  test.each([
    ['ftp://example.com/a.png', 'http:// and https:// only'],
    ['gs://bucket/a.png', 'http:// and https:// only'],
    ['http://example.com\\@169.254.169.254/', 'a user name or a backslash'],
    ['http://example.com:80@169.254.169.254/', 'a user name or a backslash'],
  ])('%s is refused: %s', async (url, why) => {
    const { error } = await chat(servers[name], showing(url, { provider: 'house' }))
    expect(error?.reason).toBe('UNSUPPORTED')
    expect(error?.message).toContain(why)
  })

  test.each<[string, ChatInit]>([
    ['https://cdn.example.com/@user/a.png?x=http://10.0.0.1', { provider: 'house' }],
    ['http://127.0.0.1.nip.io/a.png', { provider: 'house' }],
    ['http://10.0.0.1/a.png', { provider: 'inside' }],
    ['http://10.0.0.1/a.png', { provider: 'cloud' }],
    ['http://10.0.0.1/a.png', { model: 'both' }],
  ])('%s is sent with %j', async (url, more) => {
    const { value, error } = await chat(servers[name], showing(url, more))
    expect(error).toBeUndefined()
    expect(value?.message?.content).toBe('seen')
    expect(upstream.hits).toHaveLength(1)
    expect(upstream.hits[0]?.body).toContain(url)
  })
})
