import { expect, it } from 'vitest'
import { LlmGateway, LlmGatewayAdmin } from '../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { metric } from '../../support/metrics-page.ts'
import { type Reply, startUpstream } from '../../support/upstream-server.ts'

/* The log, the metrics, the ledger and the statistics report the same cost, to the nano-dollar. */

const replying: Reply = ({ hit, response, socket }) => {
  const { model, stream, input } = hit.json
  const usage = { prompt_tokens: 1_237, completion_tokens: 91, total_tokens: 1_328 }
  const delta = { role: 'assistant', content: 'hello to you' }
  if (model === 'broken') return void response.writeHead(500).end('{}')
  if (model === 'lost') return void socket.destroy()
  if (Array.isArray(input)) {
    const data = input.map((_, index) => ({ index, embedding: [0.5, 0.25] }))
    return void response.end(JSON.stringify({ data, model, usage: { prompt_tokens: 77, total_tokens: 77 } }))
  }
  if (!stream) {
    const choices = [{ index: 0, message: delta, finish_reason: 'stop' }]
    return void response.end(JSON.stringify({ id: 'x', model, choices, usage }))
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(`data: ${JSON.stringify({ id: 'x', model, choices: [{ index: 0, delta }] })}\n\n`)
  if (model === 'cut') return void response.write(' ', () => socket.destroy())
  if (model === 'endless') return
  const last = { id: 'x', model, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage }
  response.end(`data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`)
}

const yaml = (url: string) => `
auth: none
providers: { house: { kind: openai-compatible, base_url: "${url}", default_model: m } }
cache: { enabled: true }
ledger: { url: memory }
prices:
  multipliers: { house: 0.937 }
  house/m: { input: 0.1371, output: 0.7713 }
  house/lost: { input: 0.33, output: 1.77 }
  house/broken: { input: 3, output: 7 }
  house/cut: { input: 0.0917, output: 0.33 }
  house/endless: { input: 0.51, output: 2.11 }
  house/e: { input: 0.0213, output: 0 }
models: { try: { targets: [house/broken, house/lost, house/m] } }
`

it('the log, the metrics, the ledger and the statistics agree on what calls cost', async () => {
  const upstream = await startUpstream(replying)
  const gateway = await startGateway({ yaml: yaml(upstream.url) })
  const client = new GrpcClient(gateway.grpc)
  await chat(client, { model: 'house/m' })
  await chat(client, { model: 'house/m' })
  await streamChat(client, { model: 'house/m', userId: 'ann' })
  await chat(client, { model: 'try', userId: 'bob' })
  await chat(client, { model: 'house/broken', disableFallback: true })
  await streamChat(client, { model: 'house/cut', disableFallback: true })
  await embed(client, { model: 'house/e', inputs: ['a', 'b'] })
  const leaving = new AbortController()
  await streamChat(client, { model: 'house/endless' }, { signal: leaving.signal, onMessage: () => leaving.abort() })

  const lines = () =>
    gateway
      .output()
      .split('\n')
      .filter((line) => line.includes('"message":"call"'))
      .map((line): Record<string, number> => JSON.parse(line))
  await eventually(() => expect(lines()).toHaveLength(8))
  const { value: summary } = await client.unary(LlmGatewayAdmin.method.getCostSummary, {})
  const { value: stats } = await client.unary(LlmGateway.method.stats, {})
  const nano = (usd: number | undefined) => Math.round((usd ?? 0) * 1e9)
  const total = nano(summary?.total?.usd)
  expect(total).toBeGreaterThan(100_000)
  expect(lines().reduce((sum, line) => sum + nano(line['cost_usd']), 0)).toBe(total)
  expect(nano(await metric(gateway.metrics, 'llm_cost_total'))).toBe(total)
  expect(nano(stats?.providers['house']?.costUsd)).toBe(total)

  const input = Number(summary?.total?.usage?.input)
  const output = Number(summary?.total?.usage?.output)
  expect(await metric(gateway.metrics, 'llm_tokens_total', { type: 'input' })).toBe(input)
  expect(await metric(gateway.metrics, 'llm_tokens_total', { type: 'output' })).toBe(output)
  expect(Number(stats?.providers['house']?.inputTokens)).toBe(input)
  const charged = lines().filter((line) => !line['cached'])
  expect(charged.reduce((sum, line) => sum + (line['input_tokens'] ?? 0), 0)).toBe(input)
  expect(charged.reduce((sum, line) => sum + (line['output_tokens'] ?? 0), 0)).toBe(output)
  client.close()
  await gateway.close()
  await upstream.close()
})
