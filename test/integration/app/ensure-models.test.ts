import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { json, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Aliases whose models are pulled when the gateway starts. */

let upstream: UpstreamServer
let gateway: RunningGateway

/** How often each model was asked for. */
const pulled = new Map<string, number>()

beforeAll(async () => {
  upstream = await startUpstream(({ hit, response, socket }) => {
    if (hit.path !== '/api/pull') {
      json({ models: [{ name: 'there:latest' }] })({ hit, response, socket })
      return
    }
    const model = String(hit.json['model'])
    const times = (pulled.get(model) ?? 0) + 1
    pulled.set(model, times)
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    if (model === 'unknown') response.end('{"error":"pull model manifest: file does not exist"}\n')
    else if (times === 1) response.end('{"status":"pulling manifest"}\n', () => socket.destroy())
    else response.end('{"status":"success"}\n')
  })
  gateway = await startGateway({
    yaml: `
auth: none
providers:
  ollama: { base_url: "${upstream.url}" }
  sim: { kind: simulator }
models:
  small: { targets: [ollama/small, ollama/there, sim/echo], ensure: true }
  wrong: { targets: [ollama/unknown], ensure: true }
  not-asked: { targets: [ollama/other] }
`,
    movableTime: true,
  })
})

afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const says = (message: string, model: string) =>
  gateway.logged((line) => line['message'] === message && line['model'] === model)

test('the gateway is ready without them, pulls what is missing, and tries again what may pass', async () => {
  await says('the model is available', 'there')
  expect(await says('the model is not available', 'unknown')).toMatchObject({
    level: 'warn',
    provider: 'ollama',
    reason: 'LOCAL_MODEL_MISSING',
  })
  expect(await says('the model is not available', 'small')).toMatchObject({ retry_in_ms: 5_000 })
  await gateway.pass(5_000)
  await says('the model is available', 'small')
  expect([...pulled]).toEqual(
    expect.arrayContaining([
      ['small', 2],
      ['unknown', 1],
    ]),
  )
  expect(pulled.size).toBe(2)
})
