import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { decodings } from './decoding.ts'
import { h2loadVersion } from './load.ts'
import { Comparison, costOf, type Effort, median, type Round } from './measure.ts'
import { partCosts } from './parts.ts'
import { missesABar, page, type RowResult, referenceOf, tables } from './report.ts'
import { type Row, rows } from './rows.ts'
import {
  type Subject,
  startFloor,
  startGateway,
  startRedis,
  Upstream,
  type Variant,
  type VariantName,
  variants,
} from './world.ts'

/*
 * npm run bench [-- --quick] [--write] [--only PATTERN]
 *
 * Builds the gateway, measures it against the floor, or against a simpler gateway, and prints tables. `--only` takes the rows whose name matches
 * PATTERN. Exits with 1 when a bar is missed or a call fails.
 */

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
})
// Many short rounds rather than few long ones: what disturbs a machine should meet both of a pair.
const effort: Effort = flags.quick
  ? { processes: 2, warmUps: 2, rounds: 3, share: 0.4, singles: 300 }
  : { processes: 3, warmUps: 3, rounds: 6, share: 0.4, singles: 3000 }
const pairs = effort.processes * effort.rounds
const only = new RegExp(flags.only)
const STARTS = flags.quick ? 3 : 5
const IDLE_MS = 2000

const h2load = await h2loadVersion()
if (h2load === undefined) {
  console.error('NOTHING WAS MEASURED: h2load is missing. Debian has it in the package nghttp2-client.')
  process.exit(2)
}
build('src')
build('bench/servers')
const folder = await mkdtemp(join(tmpdir(), 'llm-gateway-bench-'))
const running: { stop(): Promise<void> }[] = []
try {
  const report = await measure(h2load)
  console.log(`\n${tables(report)}`)
  if (flags.write) await writeFile(new URL('../docs/performance.md', import.meta.url), page(report))
  process.exitCode = missesABar(report) ? 1 : 0
} finally {
  await Promise.all(running.map((server) => server.stop()))
  await rm(folder, { recursive: true })
}

async function measure(version: string) {
  const upstream = await Upstream.start(folder)
  running.push(upstream.server)
  const decoded = only.test('decoding') ? await decodings(pairs) : []
  const parts = only.test('parts') ? await partCosts(pairs) : []
  const { start, idle } = await startUps(upstream)
  const redis = await startRedis()
  if (redis) running.push(redis)
  else console.error('SKIPPED: the rows that need a redis-server, which Debian has in a package of that name.')
  const results: RowResult[] = []
  for (const row of rows.filter(({ name, gateway }) => only.test(name) && (redis || !needsRedis(gateway)))) {
    const result = { row, ...(await compare(row, upstream, redis?.port)) }
    console.error(`${row.name}: ${median(result.cost.ratios).toFixed(2)} x ${referenceOf(row)}`)
    results.push(result)
  }
  return { rows: results, parts, decoded, start, idle, effort, h2load: version }
}

async function compare(row: Row, upstream: Upstream, redis: number | undefined): Promise<Omit<RowResult, 'row'>> {
  const rounds: Round[] = []
  for (;;) {
    const reference = await startReference(row, upstream, redis)
    const gateway = await startGateway(folder, upstream, variants[row.gateway], { redis })
    running.push(reference.server, gateway.server)
    try {
      const comparison = new Comparison(row, reference, gateway, upstream, effort, folder)
      await comparison.warmUp()
      rounds.push(...(await comparison.rounds()))
      if (rounds.length < pairs) continue
      const latency = row.latency ? await comparison.latency() : undefined
      // At last, so that it cannot disturb what it looks into.
      return { cost: costOf(rounds), latency, garbage: await comparison.garbage() }
    } finally {
      await Promise.all([reference.server.stop(), gateway.server.stop()])
    }
  }
}

function startReference({ reference }: Row, upstream: Upstream, redis: number | undefined): Promise<Subject> {
  return reference === undefined
    ? startFloor(folder, upstream)
    : startGateway(folder, upstream, variants[reference], { redis })
}

function needsRedis(name: VariantName): boolean {
  const variant: Variant = variants[name]
  return variant.redis ?? false
}

/** How long a gateway takes to start, in ms, and the memory that it then takes, in bytes. */
async function startUps(upstream: Upstream) {
  const times: number[] = []
  const sizes: number[] = []
  for (let start = 0; start < STARTS; start++) {
    const before = performance.now()
    const gateway = await startGateway(folder, upstream, variants.usual, { bare: true })
    times.push(performance.now() - before)
    await pause(IDLE_MS)
    sizes.push(gateway.server.rss)
    await gateway.server.stop()
  }
  return { start: median(times), idle: median(sizes) }
}

/** What is measured is what is shipped: no loader that compiles as it goes. */
function build(project: string): void {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [compiler, '-p', project], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
}
