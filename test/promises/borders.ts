import { readFileSync } from 'node:fs'
import { forgetMostMemory, residentMemory } from '../../bench/process.ts'
import { setup } from '../support/build-gateway.ts'
import { type Row, rows } from './borders/rows.ts'
import { type Kind, startWorld, type World } from './borders/world.ts'
import { type Figures, type Promised, spread } from './figures.ts'

const MiB = 2 ** 20
/** Growth of the resident memory while a row is played: both budgets of bytes, and what V8 has yet to collect. */
const MAX_GROWTH = 512 * MiB
/** In the short run only these. */
const SHORT = 4

/** What strangers and callers cost a gateway with a heap of 768 MiB, and its other callers. */
export const borders: Promised = {
  name: 'borders',
  async measure(short) {
    setup()
    const figures: Figures[] = []
    const chosen = short ? rows.slice(0, SHORT) : rows
    for (const kind of new Set(chosen.map((row) => row.kind))) {
      figures.push(
        ...(await playAll(
          kind,
          chosen.filter((row) => row.kind === kind),
        )),
      )
    }
    return figures.sort((a, b) => rowNumber(a) - rowNumber(b))
  },
}

async function playAll(kind: Kind, chosen: readonly Row[]): Promise<Figures[]> {
  const world = await startWorld(kind)
  let hasEnded = false
  void world.gateway.exited.then(() => {
    hasEnded = true
  })
  // A process that has just started is slow.
  for (let round = 0; round < 50; round++) await world.second.take()
  const figures: Figures[] = []
  for (const row of chosen) figures.push(await played(row, world, () => hasEnded))
  await world.close()
  return figures
}

async function played({ name, play }: Row, world: World, hasEnded: () => boolean): Promise<Figures> {
  const { pid } = world.gateway
  const promise = `row ${name}: the gateway (heap of 768 MiB) survives, its memory grows by at most ${MAX_GROWTH / MiB} MiB, and a second caller's every chat is answered`
  if (hasEnded()) return { promise, measured: 'the gateway had ended before', holds: false }
  await world.second.take()
  forgetMostMemory(pid)
  const before = { memory: residentMemory(pid), cpu: cpuOf(pid) }
  const fault = await play(world)
  if (hasEnded()) return { promise, measured: 'the gateway has ended', holds: false }
  const { took, failed } = await world.second.take()
  const growth = residentMemory(pid, 'VmHWM') - before.memory
  const cpu = ((cpuOf(pid) - before.cpu) / 1000).toFixed(2)
  const faults = [
    ...failed.slice(0, 1).map((text) => `${failed.length} not answered, the first: ${text}`),
    ...(fault ? [fault] : []),
  ]
  return {
    promise,
    measured: `${cpu} s of CPU, the second caller's included; +${Math.round(growth / MiB)} MiB; its chats: ${spread(took)}${faults.map((text) => `; ${text}`).join('')}`,
    holds: failed.length === 0 && fault === undefined && growth <= MAX_GROWTH,
  }
}

/** CPU time of all threads of a process, in ms, in steps of 10. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function rowNumber({ promise }: Figures): number {
  return Number(/^row (\d+)/.exec(promise)?.[1])
}
