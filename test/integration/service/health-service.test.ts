import { afterEach, describe, expect, it } from 'vitest'
import { HealthCheckService, ServingStatus } from '../../../src/domain/types.ts'
import { GrpcServer } from '../../../src/server/grpc/grpc-server.ts'
import { probe } from '../../../src/server/grpc/probe.ts'
import { eventually } from '../../support/eventually.ts'
import { serverOptions } from '../../support/server-options.ts'
import { TestClient } from '../../support/test-client.ts'

const { check, watch } = HealthCheckService.method
const READY = ['', 'llmgateway.v1.LlmGateway']
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open() {
  const { options, health } = serverOptions({})
  const server = new GrpcServer(options)
  const port = await server.listen()
  const client = new TestClient(port)
  closing.push(() => server.drain(0))
  closing.push(() => client.close())
  return { server, port, client, health }
}

describe('Check', () => {
  it.each(READY)('of %j says whether calls are taken', async (service) => {
    const { client, health } = await open()
    expect((await client.unary(check, { service }).answer).response?.status).toBe(ServingStatus.NOT_SERVING)
    health.setServing(true)
    expect((await client.unary(check, { service }).answer).response?.status).toBe(ServingStatus.SERVING)
  })

  it('of "live" says that the process runs', async () => {
    const { client } = await open()
    expect((await client.unary(check, { service: 'live' }).answer).response?.status).toBe(ServingStatus.SERVING)
  })

  it('of an unknown service is NOT_FOUND', async () => {
    const { client } = await open()
    const { ending } = await client.unary(check, { service: 'other' }).answer
    expect(ending).toMatchObject({ code: 5, details: { info: { reason: 'SERVICE_NOT_FOUND' } } })
  })
})

describe('Watch', () => {
  it('tells the status at once and at each change', async () => {
    const { client, health } = await open()
    const ready = client.stream(watch, { service: '' })
    const live = client.stream(watch, { service: 'live' })
    const unknown = client.stream(watch, { service: 'other' })
    await eventually(() => [ready, live, unknown].every(({ messages }) => messages.length === 1))
    health.setServing(true)
    health.setServing(true)
    health.setServing(false)
    await eventually(() => ready.messages.length === 3)
    const statuses = (reader: typeof ready) => reader.messages.map(({ status }) => status)
    expect(statuses(ready)).toEqual([ServingStatus.NOT_SERVING, ServingStatus.SERVING, ServingStatus.NOT_SERVING])
    expect(statuses(live)).toEqual([ServingStatus.SERVING])
    expect(statuses(unknown)).toEqual([ServingStatus.SERVICE_UNKNOWN])
  })

  it('keeps nothing of those who left', async () => {
    const { client, health, server } = await open()
    const readers = Array.from({ length: 20 }, () => client.stream(watch, { service: 'x'.repeat(1000) }))
    await eventually(() => health.watching === 20)
    for (const reader of readers) reader.call.cancel()
    await eventually(() => health.watching === 0 && server.openCalls === 0)
  })

  it('ends the oldest watch of the client that holds most when there are 1001', async () => {
    const { client, health, port } = await open()
    const readers = Array.from({ length: 900 }, () => client.stream(watch, {}))
    const other = new TestClient(port, undefined, { 'grpc.use_local_subchannel_pool': 1 })
    closing.push(() => other.close())
    readers.push(...Array.from({ length: 101 }, () => other.stream(watch, {})))
    const ending = await Promise.race(readers.map((reader) => reader.ending))
    expect(ending).toMatchObject({ code: 8, details: { info: { reason: 'TOO_MANY_WATCHERS' } } })
    await eventually(() => health.watching === 1000)
  })
})

describe('the probe', () => {
  it('tells whether the gateway takes calls', async () => {
    const { port, health } = await open()
    expect(await probe(`127.0.0.1:${port}`)).toBe(false)
    health.setServing(true)
    expect(await probe(`127.0.0.1:${port}`)).toBe(true)
  })

  it('says no when nobody listens', async () => {
    const { port, server } = await open()
    await server.drain(0)
    expect(await probe(`127.0.0.1:${port}`)).toBe(false)
  })
})
