import { execFileSync } from 'node:child_process'
import { tryRequests } from '../support/request-bytes.ts'
import type { Figures, Promised } from './figures.ts'
import { type CostlyRequest, costlyRequests } from './hostile/costly-requests.ts'

const SEED = 20_261_128
const MiB = 2 ** 20
const MAX_CPU = 200
const MAX_MEMORY = 64 * MiB
const RUNS = 3
/** In the short run only the first of so many. */
const EACH = 6

/** What the check of requests accepts, and what the costliest of it costs. */
export const requestBytes: Promised = {
  name: 'request-bytes',
  async measure(short) {
    return [agreement(short ? 10_000 : 1_000_000), cost(costlyRequests.filter((_, at) => !short || at % EACH === 0))]
  },
}

function agreement(count: number): Figures {
  const promise = `of ${count} random and damaged requests of every type, those that the check accepts decode without an error, have as many parts as were counted, and have a cache key that no other message has`
  try {
    const { accepted, refused } = tryRequests(count, SEED)
    return { promise, measured: `${accepted} accepted, ${refused} refused`, holds: accepted > count / 4 }
  } catch (error) {
    return { promise, measured: String(error), holds: false }
  }
}

interface Cost {
  readonly name: string
  readonly cpu: number
  readonly memory: number
}

function cost(requests: readonly CostlyRequest[]): Figures {
  const costs = requests.map(({ name }) => costOf(name))
  const slowest = costs.reduce((worst, one) => (one.cpu > worst.cpu ? one : worst))
  const largest = costs.reduce((worst, one) => (one.memory > worst.memory ? one : worst))
  return {
    promise: `checking and decoding each of ${costs.length} requests, the costliest of up to 16 MiB that are accepted, takes at most ${MAX_CPU} ms of CPU and ${MAX_MEMORY / MiB} MiB`,
    measured: `at most ${slowest.cpu.toFixed(0)} ms (${slowest.name}) and ${(largest.memory / MiB).toFixed(0)} MiB (${largest.name})`,
    holds: slowest.cpu <= MAX_CPU && largest.memory <= MAX_MEMORY,
  }
}

/** The least of a few processes of their own: what else the machine does can only add to it. */
function costOf(name: string): Cost {
  const script = new URL('hostile/cost-of-request.ts', import.meta.url).pathname
  const costs = Array.from({ length: RUNS }, () => {
    const output = execFileSync(process.execPath, ['--expose-gc', '--import', 'tsx', script, name], {
      encoding: 'utf8',
    })
    return JSON.parse(output) as { cpu: number; memory: number } // as that script prints it
  })
  return {
    name,
    cpu: Math.min(...costs.map(({ cpu }) => cpu)),
    memory: Math.min(...costs.map(({ memory }) => memory)),
  }
}
