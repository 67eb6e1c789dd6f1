import { afterEach, describe, expect, it } from 'vitest'
import { ByteBudget } from '../../../src/domain/limits/byte-budget.ts'
import { eventually } from '../../support/eventually.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type Unfinished, type UnfinishedOptions, unfinished } from '../../support/unfinished.ts'
import { keys, openGuarded, type ServerKind } from './guarded-servers.ts'

/* Requests that never end, of strangers and of a caller, while another caller keeps asking. */

const MiB = 2 ** 20
const closing: (() => unknown)[] = []
const servers = ['gRPC', 'HTTP'] as const

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function begin(kind: ServerKind, port: number, options: UnfinishedOptions): Unfinished {
  const request = unfinished(kind, port, options)
  closing.push(() => request.close())
  return request
}

const many = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, index) => make(index))

describe.each(servers)('row 4: 200 compressed requests without a body at the %s server', (kind) => {
  it.each([
    ['of a caller', keys.alice],
    ['of strangers', undefined],
  ])('%s keep no other caller from being answered', async (_, key) => {
    const { port, ask, begun } = await openGuarded(kind, closing, { maxCompressedCalls: 1, readTimeout: 100_000 })
    const silent = many(200, () => begin(kind, port, { key, announced: 1000, gzip: true }))
    await Promise.all(silent.map(({ sent }) => sent))
    for (let asked = 0; asked < 5; asked++) expect(await ask('bob', { gzip: true, bytes: 100_000 })).toBe(true)
    expect(begun).toEqual(many(5, () => 'bob'))
  })

  it('that arrive but for one byte keep no place either, and are refused in the end', async () => {
    const clock = new FakeClock()
    const { port, ask, refused } = await openGuarded(kind, closing, { maxCompressedCalls: 1, clock })
    const almost = many(20, () =>
      begin(kind, port, { key: keys.alice, bytes: Buffer.alloc(999), announced: 1000, gzip: true }),
    )
    expect(await ask('bob', { gzip: true })).toBe(true)
    await clock.passUntil(() => almost.every(({ status }) => status !== undefined))
    expect(new Set(almost.map(({ status }) => status))).toEqual(new Set([kind === 'gRPC' ? '4' : '408']))
    if (kind === 'gRPC') expect(refused).toEqual(many(20, () => 'read_timeout'))
  })
})

describe.each([
  ['gRPC', 'gRPC'],
  ['HTTP', 'HTTP'],
  ['gRPC', 'HTTP'],
  ['HTTP', 'gRPC'],
] as const)('row 5: ten uploads of a caller to the %s server that stop below pending_bytes', (kind, otherKind) => {
  it(`do not keep another caller from a large request to the ${otherKind} server`, async () => {
    const uploads = new ByteBudget(10 * MiB)
    const attacked = await openGuarded(kind, closing, { uploads })
    const other = kind === otherKind ? attacked : await openGuarded(otherKind, closing, { uploads })
    const bytes = Buffer.alloc(MiB - 6_000)
    const held = many(10, () => begin(kind, attacked.port, { key: keys.alice, bytes, announced: 2 * MiB }))
    await Promise.all(held.map(({ sent }) => sent))
    await eventually(() => uploads.held > 10 * (MiB - 6_100))
    for (let asked = 0; asked < 3; asked++) expect(await other.ask('bob', { bytes: 3 * MiB })).toBe(true)
    expect(attacked.refused.filter((refusal) => refusal === 'pending_bytes').length).toBeGreaterThanOrEqual(3)
    const answered = held.filter(({ status }) => status !== undefined)
    expect(new Set(answered.map(({ status }) => status))).toEqual(new Set([kind === 'gRPC' ? '8' : '429']))
    expect(other.begun).toEqual(['bob', 'bob', 'bob'])
  })
})

describe.each(servers)('row 6: 100 bodies of 15.9 MB less a byte at the %s server', (kind) => {
  const LARGE = 15_900_000

  it('of a caller hold no more than pending_bytes, and another caller is answered', async () => {
    const limit = 40 * MiB
    const uploads = new ByteBudget(limit)
    const { port, ask, begun } = await openGuarded(kind, closing, { uploads })
    let most = 0
    const timer = setInterval(() => {
      most = Math.max(most, uploads.held)
    }, 1)
    closing.push(() => clearInterval(timer))
    const bytes = Buffer.alloc(LARGE - 1)
    // In groups, because the client has them in memory as well.
    for (let group = 0; group < 10; group++) {
      const bodies = many(10, () => begin(kind, port, { key: keys.alice, bytes, announced: LARGE }))
      expect(await ask('bob', { bytes: MiB })).toBe(true)
      await Promise.all(bodies.map(({ sent }) => sent))
    }
    expect(begun).toEqual(many(10, () => 'bob'))
    expect(most).toBeLessThanOrEqual(limit)
    for (const close of closing.splice(1).reverse()) await close()
    await eventually(() => uploads.held === 0)
  })

  it('of strangers are not taken, not by a method that needs no credential either', async () => {
    const uploads = new ByteBudget(40 * MiB)
    const { port, ask } = await openGuarded(kind, closing, { uploads })
    const bytes = Buffer.alloc(200_000)
    const paths = ['/llmgateway.v1.LlmGateway/Chat', '/grpc.health.v1.Health/Check', '/llmgateway.v1.LlmGateway/Health']
    const bodies = paths.flatMap((path) => many(20, () => begin(kind, port, { bytes, announced: LARGE, path })))
    expect(await ask('bob', { bytes: MiB })).toBe(true)
    const answers = await Promise.all(bodies.map(({ answer }) => answer))
    expect(new Set(answers)).toEqual(new Set([kind === 'gRPC' ? '16' : '401']))
    await eventually(() => uploads.held === 0)
  })

  it('of strangers that are compressed are not decompressed', async () => {
    const { port, ask } = await openGuarded(kind, closing)
    const path = '/grpc.health.v1.Health/Check'
    const bytes = Buffer.alloc(1000)
    const bodies = many(20, () => begin(kind, port, { bytes, announced: 1000, path, gzip: true }))
    expect(await ask('bob', { gzip: true })).toBe(true)
    for (const { answer } of bodies) expect(await answer).toBe(kind === 'gRPC' ? '16' : '401')
  })
})

it('what strangers send before they are refused is counted, and a caller outlasts it', async () => {
  const uploads = new ByteBudget(4 * MiB)
  const { port, ask, clock } = await openGuarded('HTTP', closing, { uploads })
  // The 21st wrong key and those after it are answered later, by a clock that stands still.
  const guesses = many(80, () => begin('HTTP', port, { key: 'wrong', bytes: Buffer.alloc(1000), announced: MiB }))
  await eventually(() => clock.waiting === 60)
  expect(uploads.held).toBeGreaterThan(2 * MiB)
  expect(await ask('bob', { bytes: MiB })).toBe(true)
  for (const { close } of guesses) close()
  await eventually(() => uploads.held === 0)
})
