/**
 * Measures what is promised of a gateway in trouble, over real sockets, and writes it into docs/resilience.md.
 * `npm run promises -- [--short] [NAME...]`: only the promises named, or all. `--short` makes few rounds and writes
 * nothing. Needs redis-server, takes about 50 minutes, and exits 1 when a promise does not hold.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { bombs } from './bombs.ts'
import { borders } from './borders.ts'
import { budgets } from './budgets.ts'
import { cancellation } from './cancellation.ts'
import { cancelledStreams } from './cancelled-streams.ts'
import { deadlines } from './deadlines.ts'
import { drain } from './drain.ts'
import type { Figures, Promised } from './figures.ts'
import { hostile } from './hostile.ts'
import { ledger } from './ledger.ts'
import { memory } from './memory.ts'
import { outage } from './outage.ts'
import { overload } from './overload.ts'
import { redisTrouble } from './redis-trouble.ts'
import { requestBytes } from './request-bytes.ts'
import { rollout } from './rollout.ts'
import { soak } from './soak.ts'

const ALL: readonly Promised[] = [
  memory,
  drain,
  rollout,
  cancelledStreams,
  cancellation,
  deadlines,
  hostile,
  bombs,
  requestBytes,
  borders,
  redisTrouble,
  ledger,
  budgets,
  outage,
  overload,
  soak,
]
const PAGE = new URL('../../docs/resilience.md', import.meta.url)
const TABLE = /(?<=<!-- measured by npm run promises -->\n)[\s\S]*(?=<!-- end -->)/

const { values, positionals } = parseArgs({ allowPositionals: true, options: { short: { type: 'boolean' } } })
const short = values.short ?? false
const chosen = ALL.filter(({ name }) => positionals.length === 0 || positionals.includes(name))

let allHold = true
for (const promised of chosen) {
  const figures = await promised.measure(short)
  for (const { holds, promise, measured } of figures) {
    console.log(`${promised.name} ${holds ? 'holds' : 'DOES NOT HOLD'}: ${promise}: ${measured}`)
    allHold &&= holds
  }
  if (!short) write(promised, figures)
}
process.exitCode = allHold ? 0 : 1

/** In the place of what was measured of it before. */
function write({ name }: Promised, figures: readonly Figures[]): void {
  const page = readFileSync(PAGE, 'utf8')
  const [before] = TABLE.exec(page) ?? []
  if (before === undefined) throw new Error('docs/resilience.md has no place for the figures')
  const [load] = loadavg().map((average) => average.toFixed(1))
  const rows = new Map<string, string[]>(ALL.map((promised) => [promised.name, []]))
  for (const [row, of = ''] of before.matchAll(/^\| ([\w-]+) \|.*$/gm)) if (of !== name) rows.get(of)?.push(row)
  for (const { promise, measured, holds } of figures) {
    rows.get(name)?.push(`| ${name} | ${promise} | ${measured} | ${load} | ${holds ? 'yes' : 'no'} |`)
  }
  const place = `Node ${process.versions.node}, ${cpus().length} cores; gateway, upstreams and callers on one machine.`
  const head = '| name | promise | measured | load average | holds |\n|---|---|---|---|---|'
  const table = `\n${place}\n\n${[head, ...[...rows.values()].flat()].join('\n')}\n\n`
  writeFileSync(
    PAGE,
    page.replace(TABLE, () => table),
  )
}
