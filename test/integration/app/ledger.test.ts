import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LlmGateway, LlmGatewayAdmin, UsageState } from '../../../src/domain/types.ts'
import { loadSqlite } from '../../../src/stores/ledger/sqlite/sqlite-module.ts'
import { chat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { type GatewayOptions, type RunningGateway, runGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { metric } from '../../support/metrics-page.ts'
import { json, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* The ledger on disk, as operators run it. */

const usage = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 }
const message = { role: 'assistant', content: 'hello' }
const reply = json({ id: 'x', model: 'm', choices: [{ index: 0, message, finish_reason: 'stop' }], usage })

let upstream: UpstreamServer
const folder = mkdtempSync(join(tmpdir(), 'gateway-ledger-'))

beforeAll(async () => {
  upstream = await startUpstream(reply)
})
afterAll(async () => {
  await upstream.close()
  rmSync(folder, { recursive: true })
})

function gatewayOn(path: string): GatewayOptions {
  return {
    yaml: `
auth: none
providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m } }
prices: { house/m: { input: 1, output: 10 } }
ledger: { folder: ${path} }
`,
  }
}

async function withClient<T>(gateway: RunningGateway, act: (client: GrpcClient) => Promise<T>): Promise<T> {
  const client = new GrpcClient(gateway.grpc)
  try {
    return await act(client)
  } finally {
    client.close()
  }
}

const totalOf = async (client: GrpcClient) =>
  (await client.unary(LlmGatewayAdmin.method.getCostSummary, {})).value?.total

describe('a ledger in a folder', () => {
  it('survives an ordinary end', async () => {
    const path = join(folder, 'ordinary')
    const first = await startGateway(gatewayOn(path))
    await withClient(first, async (client) => {
      await chat(client, {})
      await chat(client, {})
    })
    first.signal('SIGTERM')
    expect(await first.exited).toBe(0)
    expect(first.output()).not.toContain('left in the journal')
    await first.close()
    const second = await startGateway(gatewayOn(path))
    await withClient(second, async (client) => {
      expect(await totalOf(client)).toMatchObject({ calls: 2n, usd: 0.004 })
      const { value: health } = await client.unary(LlmGateway.method.health, {})
      expect(health?.components).toMatchObject([{ name: 'ledger', healthy: true, message: '' }])
    })
    await second.close()
  })

  it('survives a kill, and knows what was under way', async () => {
    const path = join(folder, 'killed')
    const first = await startGateway(gatewayOn(path))
    const client = new GrpcClient(first.grpc)
    await chat(client, {})
    upstream.answer(() => {})
    const asked = upstream.nextHit()
    const lost = chat(client, { maxTokens: 50 })
    await asked
    first.signal('SIGKILL')
    await lost
    client.close()
    await first.close()
    upstream.answer(reply)
    const second = await startGateway(gatewayOn(path))
    await withClient(second, async (client) => {
      const { value } = await client.unary(LlmGatewayAdmin.method.listUsage, {})
      expect(value?.records.map(({ state, final, usage }) => [state, final, usage?.output])).toEqual([
        [UsageState.UNKNOWN, true, 50],
        [UsageState.SETTLED, true, 100],
      ])
    })
    await second.close()
  })

  it('keeps a row of each admin call', async () => {
    const path = join(folder, 'audited')
    const gateway = await startGateway(gatewayOn(path))
    await withClient(gateway, async (client) => {
      await client.unary(LlmGatewayAdmin.method.listProviders, {})
      await client.unary(LlmGatewayAdmin.method.testProvider, { provider: 'nobody' })
    })
    gateway.signal('SIGTERM')
    await gateway.exited
    await gateway.close()
    const database = new (loadSqlite().DatabaseSync)(join(path, 'ledger.sqlite'))
    const rows = database.prepare('select method, subject, caller, reason from audit order by seq').all()
    expect(rows).toMatchObject([
      { method: 'ListProviders', subject: '', reason: '' },
      { method: 'TestProvider', subject: 'nobody', reason: 'PROVIDER_NOT_FOUND' },
    ])
    database.close()
  })

  it('counts what it stores', async () => {
    const gateway = await startGateway(gatewayOn(join(folder, 'counted')))
    await withClient(gateway, (client) => chat(client, {}))
    await eventually(async () => expect(await metric(gateway.metrics, 'llm_gateway_ledger_records_total')).toBe(1))
    expect(await metric(gateway.metrics, 'llm_gateway_ledger_up')).toBe(1)
    await gateway.close()
  })

  it.each(['check', 'serve'] as const)('that cannot be written stops the start: %s', async (command) => {
    const file = join(folder, `file-${command}`)
    writeFileSync(file, '')
    const { exitCode, output } = await runGateway(command, gatewayOn(join(file, 'ledger')))
    expect(exitCode).toBe(1)
    expect(output).toMatch(/^ledger\.folder: the ledger cannot write in .*ENOTDIR.* mount a volume .*url: memory/m)
  })
})
