/**
 * Measures what is promised of a gateway in trouble, over real sockets, and writes it into docs/resilience.md.
 * `npm run promises -- [--short] [NAME...]`: only the promises named, or all. `--short` makes few rounds and writes
 * nothing. Needs redis-server, takes about half an hour, and exits 1 when a promise does not hold.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { bombs } from './bombs.ts'
import { cancellation } from './cancellation.ts'
import { cancelledStreams } from './cancelled-streams.ts'
import { deadlines } from './deadlines.ts'
import { drain } from './drain.ts'
import type { Figures, Promised } from './figures.ts'
import { hostile } from './hostile.ts'
import { memory } from './memory.ts'
import { outage } from './outage.ts'
import { overload } from './overload.ts'
import { redisTrouble } from './redis-trouble.ts'
import { soak } from './soak.ts'

const ALL: readonly Promised[] = [
  memory,
  drain,
  cancelledStreams,
  cancellation,
  deadlines,
  hostile,
  bombs,
  redisTrouble,
  outage,
  overload,
  soak,
]
const PAGE = new URL('../../docs/resilience.md', import.meta.url)
const TABLE = /(?<=<!-- measured by npm run promises -->\n)[\s\S]*(?=<!-- end -->)/

const { values, positionals } = parseArgs({ allowPositionals: true, options: { short: { type: 'boolean' } } })
const short = values.short ?? false
const chosen = ALL.filter(({ name }) => positionals.length === 0 || positionals.includes(name))

const figures: Figures[] = []
for (const promised of chosen) {
  for (const figure of await promised.measure(short)) {
    console.log(`${promised.name} ${figure.holds ? 'holds' : 'DOES NOT HOLD'}: ${figure.promise}: ${figure.measured}`)
    figures.push(figure)
  }
}
if (!short && chosen.length === ALL.length) write(figures)
process.exitCode = figures.every(({ holds }) => holds) ? 0 : 1

function write(measured: readonly Figures[]): void {
  const rows = measured.map((figure) => `| ${figure.promise} | ${figure.measured} | ${figure.holds ? 'yes' : 'no'} |`)
  const [load] = loadavg().map((average) => average.toFixed(1))
  const place = `Node ${process.versions.node}, ${cpus().length} cores, gateway, upstreams and callers on one machine, load average ${load}.`
  const table = `${place}\n\n| promise | measured | holds |\n|---|---|---|\n${rows.join('\n')}\n\n`
  const page = readFileSync(PAGE, 'utf8')
  if (!TABLE.test(page)) throw new Error('docs/resilience.md has no place for the figures')
  writeFileSync(
    PAGE,
    page.replace(TABLE, () => `\n${table}`),
  )
}
