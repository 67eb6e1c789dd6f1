import { cpus } from 'node:os'
import { BUDGETS } from './budgets-part.ts'
import type { Decoding } from './decoding.ts'
import { type Cost, type Effort, type Garbage, type Latency, median } from './measure.ts'
import { ESTIMATE, LIMITS_AND_KEY, type PartCost, SINGLE_FLIGHT } from './parts.ts'
import { CHAT, CHAT_MISS, type Row } from './rows.ts'
import { variants } from './world.ts'

export interface RowResult {
  readonly row: Row
  readonly cost: Cost
  /** Where the row asks for it. */
  readonly latency: { readonly reference: Latency; readonly gateway: Latency } | undefined
  readonly garbage: { readonly reference: Garbage; readonly gateway: Garbage }
}

export interface Results {
  readonly rows: readonly RowResult[]
  readonly parts: readonly PartCost[]
  readonly decoded: readonly Decoding[]
  /** From the start of the process until it listens, in ms: median. */
  readonly start: number
  /** Resident memory two seconds later, in bytes: median. */
  readonly idle: number
  readonly effort: Effort
  readonly h2load: string
}

/** The most that starting may take, in ms, and the most memory of an idle gateway, in bytes. */
const START_BAR = 1000
const IDLE_BAR = 160e6

/** The most that limits in memory and the check of a key may cost a call, in us. */
const LIMITS_AND_KEY_BAR = 5
/** The most that an estimate of a prompt may take, in us of CPU. */
const ESTIMATE_BAR = 1_000
/** The most that budgets in memory may cost a Chat: this part of the floor. */
const BUDGETS_BAR = 0.05
/** The most that single-flight may add to a miss: this part of it. */
const SINGLE_FLIGHT_BAR = 0.03

/** The figures as Markdown, which a terminal shows well too. */
export function tables(results: Results): string {
  const { rows, parts, decoded, start, idle } = results
  return [
    table(
      ['call', 'reference', 'us', 'gateway, us', 'ratio', 'lowest to highest', 'of the least', 'bar'],
      rows.map(({ row, cost }) => costLine(row, cost)),
    ),
    table(
      ['call', 'collector, us: reference', 'gateway', 'survivors, bytes: reference', 'gateway', 'bar'],
      rows.map(({ row, garbage: { reference, gateway } }) => [
        nameOf(row),
        reference.pause.toFixed(1),
        gateway.pause.toFixed(1),
        reference.survived.toFixed(0),
        gateway.survived.toFixed(0),
        row.survivorsBar === undefined ? '' : verdict(gateway.survived, row.survivorsBar, `${row.survivorsBar}`),
      ]),
    ),
    table(
      ['one call in flight', 'reference p50, ms', 'p99', 'gateway p50, ms', 'p99', 'bar'],
      rows.flatMap(({ row: { name, p99Bar }, latency }) => {
        if (!latency) return []
        const { reference, gateway } = latency
        const values = [reference.p50, reference.p99, gateway.p50, gateway.p99].map((ms) => ms.toFixed(2))
        return [[name, ...values, p99Bar === undefined ? '' : verdict(gateway.p99, p99Bar, `${p99Bar} ms`)]]
      }),
    ),
    table(
      ['calls per second', 'reference', 'gateway', 'bar'],
      rows.flatMap(({ row: { name, rateBar }, cost: { rates } }) =>
        rateBar === undefined
          ? []
          : [
              [
                name,
                rates.reference.toFixed(0),
                rates.gateway.toFixed(0),
                verdict(-rates.gateway, -rateBar, `${rateBar}`),
              ],
            ],
      ),
    ),
    table(
      ['part of the pipeline', 'us per call', 'lowest to highest', 'bar'],
      parts.map((part) => {
        const bar = partBar(part, results)
        return [
          part.name,
          part.cost.toFixed(2),
          `${part.lowest.toFixed(2)} to ${part.highest.toFixed(2)}`,
          bar === undefined ? '' : verdict(part.cost, bar, `${bar.toFixed(1)} us`),
        ]
      }),
    ),
    table(
      ['decoding a stream of 64 events', 'us per event', 'lowest to highest'],
      decoded.map(({ kind, median, lowest, highest }) => [
        kind,
        median.toFixed(2),
        `${lowest.toFixed(2)} to ${highest.toFixed(2)}`,
      ]),
    ),
    table(
      ['process', 'measured', 'bar'],
      [
        ['start to ready', `${start.toFixed(0)} ms`, verdict(start, START_BAR, `${START_BAR} ms`)],
        ['idle memory', `${(idle / 1e6).toFixed(0)} MB`, verdict(idle, IDLE_BAR, `${IDLE_BAR / 1e6} MB`)],
      ],
    ),
  ].join('\n')
}

export function missesABar(results: Results): boolean {
  const { rows, parts, start, idle } = results
  return (
    start > START_BAR ||
    idle > IDLE_BAR ||
    rows.some(({ row, cost }) => median(cost.ratios) > (row.bar ?? Infinity)) ||
    rows.some(({ row, garbage: { gateway } }) => gateway.survived > (row.survivorsBar ?? Infinity)) ||
    rows.some(({ row, latency }) => latency !== undefined && latency.gateway.p99 > (row.p99Bar ?? Infinity)) ||
    rows.some(({ row, cost }) => cost.rates.gateway < (row.rateBar ?? 0)) ||
    parts.some((part) => part.cost > (partBar(part, results) ?? Infinity))
  )
}

/** In us. */
function partBar({ name }: PartCost, { rows }: Results): number | undefined {
  if (name === LIMITS_AND_KEY) return LIMITS_AND_KEY_BAR
  if (name === ESTIMATE) return ESTIMATE_BAR
  if (name === BUDGETS) {
    const chat = rows.find(({ row }) => row.name === CHAT)
    return chat && BUDGETS_BAR * chat.cost.reference
  }
  const miss = rows.find(({ row }) => row.name === CHAT_MISS)
  return name === SINGLE_FLIGHT && miss ? SINGLE_FLIGHT_BAR * miss.cost.gateway : undefined
}

/** docs/performance.md. */
export function page(results: Results): string {
  const [cpu] = cpus()
  return `# Performance

What the gateway costs, as a multiple of the least that a program could cost which does the same work. \`npm run bench\`
measures it again, \`npm run bench -- --quick\` in about ten minutes, \`npm run bench -- --write\` writes this page. Only ratios
of one run can be compared: the microseconds are those of one machine on one day.

Measured with Node ${process.versions.node} on ${cpus().length} cores of ${cpu?.model.trim() ?? 'an unknown processor'}, Linux, without TLS, on one machine.

${tables(results)}
## What is compared

The **floor** is a bare handler on the same gRPC library: it forwards the call to the upstream with the same HTTP client,
reads the JSON body, or splits the lines of a stream as they come, parses and answers. It checks no key, counts nothing,
limits nothing, watches no deadline, tells no error apart and waits for no slow reader. Where no upstream is asked, it
answers by itself. It is \`bench/servers/floor.ts\`.

The **gateway** is what \`npm run build\` makes, with API keys required and checked, metrics counted, the log level
\`warn\` and no traces, unless the row says otherwise. The row without an upstream asks the built-in simulator.

The **upstream** is an HTTP server that answers with ready bytes as OpenAI's API sends them. Floor, gateway, upstream and
client are processes of their own on the same machine.

## How

- Cost is the CPU time of the server's process, all its threads: divided by the calls of a round, or by
  the ${'`text`'} events of its streams, or the items of its batches. The load is h2load (${results.h2load}) with 32 calls in flight on 4 connections,
  if the row does not say otherwise; every call brings a key and a deadline.
- A row whose reference is a gateway shows what one setting costs: both are the same program with the same policies, but
  for that setting.
- Rounds alternate: reference, gateway, reference, gateway. A ratio is that of two neighbours; the table shows the median of
  ${results.effort.rounds} in each of ${results.effort.processes} pairs of processes, because two processes of the same program differ by some percent for as long as
  they live; the lowest and the highest one; and the ratio of the least that each took in any round, because whatever
  disturbs a machine only adds.
- Before each row a real gRPC client checks the reply of both. After each round the upstream must have served each call
  once, the gateway must have counted each call as OK, and the replies must be as long as a good one: a measurement
  with errors fails.
- The collector's row is a round of its own: its pauses, and the bytes that it moved from the young generation to the
  old one, for each call or event. Garbage that survives is the dearest, and profiles by function do not show it.
- Latencies are those that h2load sees with one call in flight; they and the collector's row are of the last pair.
- Calls per second are those of the same load, the median of the rounds; the client takes its part of the machine.
- The parts of the pipeline are measured apart, in one process without sockets: calls that are answered at once, with the
  part and without it, round by round. Single-flight may add 3 % to a miss, which is the row of a miss that is stored.
- Decoding is measured apart, in one process without sockets: the built code makes the caller's events of the same answer
  as each vendor streams it, an event a chunk.
- A process is ready when its gRPC port takes connections; its idle memory is the resident set two seconds later, with
  the price list loaded.
`
}

function costLine(row: Row, { reference, gateway, ratios, leastRatio }: Cost): string[] {
  const ratio = median(ratios)
  const digits = row.unit === 'event' ? 1 : 0
  return [
    nameOf(row),
    referenceOf(row),
    reference.toFixed(digits),
    gateway.toFixed(digits),
    ratio.toFixed(2),
    `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
    leastRatio.toFixed(2),
    row.bar === undefined ? '' : verdict(ratio, row.bar, row.bar.toFixed(1)),
  ]
}

/** What a row is compared with. */
export function referenceOf({ reference }: Row): string {
  return reference === undefined ? 'floor' : variants[reference].name
}

function nameOf({ name, unit }: Row): string {
  return unit === 'call' ? name : `${name}; per ${unit}`
}

function verdict(value: number, bar: number, text: string): string {
  return value <= bar ? `${text}, met` : `${text}, **missed**`
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const all = [head, ...lines]
  const widths = head.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)))
  const show = (line: readonly string[]) => `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return `${[show(head), rule, ...lines.map(show)].join('\n')}\n`
}
