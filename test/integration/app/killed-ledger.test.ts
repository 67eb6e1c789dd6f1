import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Role } from '../../../src/domain/types.ts'
import { readJournal, START } from '../../../src/stores/ledger/journal/read-journal.ts'
import { chat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, startUpstream } from '../../support/upstream-server.ts'

test('a killed gateway leaves a line for every request that the vendor saw, and the end of every call that ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-ledger-'))
  const upstream = await startUpstream((exchange) => {
    // Every fourth request is in flight for good.
    if (upstream.hits.length % 4 !== 0) answers('hello')(exchange)
  })
  const gateway = await startGateway({
    yaml: `
      providers: { vendor: { kind: local, base_url: "${upstream.url}" } }
      prices: { vendor/m: { input: 1, output: 2 } }
      ledger: { folder: "${folder}" }
    `,
  })
  const client = new GrpcClient(gateway.grpc)
  const ended: string[] = []
  const call = async (userId: string) => {
    const messages = [{ role: Role.USER, content: 'hi' }]
    const { error } = await chat(client, { model: 'vendor/m', userId, messages })
    if (!error) ended.push(userId)
  }
  const calls = Array.from({ length: 40 }, (_, number) => call(`user-${number}`))
  await eventually(() => ended.length === 30 && upstream.hits.length === 40)
  gateway.signal('SIGKILL')
  await gateway.exited
  await Promise.all(calls)

  const lines = [...readJournal(join(folder, 'journal', '1'), START, false)]
  const usersOf = (kind: string) =>
    lines.flatMap(({ entry }) => (entry && entry.kind !== 'hits' && entry.kind === kind ? entry.charge : []))
  expect(usersOf('intent')).toHaveLength(40)
  const settled = usersOf('settled')
  expect(settled.map(({ facts }) => facts.userId).toSorted()).toEqual(ended.toSorted())
  for (const { outcome, ending } of settled) {
    // Five tokens in and two out.
    expect(outcome.cost).toEqual({ input: 5_000, output: 4_000 })
    expect(ending).toMatchObject({ code: 0 })
  }
  client.close()
  await upstream.close()
  await gateway.close()
  rmSync(folder, { recursive: true })
})
