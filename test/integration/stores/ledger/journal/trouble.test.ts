import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readJournal, START } from '../../../../../src/stores/ledger/journal/read-journal.ts'
import { eventually } from '../../../../support/eventually.ts'
import { runProcess, startProcess } from '../../../../support/process.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'journal-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const script = new URL('../../../../support/journal-process.ts', import.meta.url).pathname

interface Line {
  readonly ended?: number
  readonly lost?: number
  readonly refused?: string
  readonly healthy?: boolean
  readonly message?: string
}

/** A process that records calls, whose files may have up to so many KiB. */
function recording(kib: number, onTrouble = 'refuse') {
  const command = `ulimit -S -f ${kib}; exec "$0" --import tsx "$1" "$2" "$3"`
  const child = startProcess('bash', ['-c', command, process.execPath, script, root, onTrouble], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: Line[] = []
  if (child.stdout) createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line)))
  return { child, lines, ended: () => lines.flatMap(({ ended }) => ended ?? []) }
}

async function kill(child: ChildProcess) {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** Ids of the ended calls in the journal, and the number of damaged lines. */
function recorded() {
  const lines = [...readJournal(join(root, '1'), START, false)]
  const ids = lines.flatMap(({ entry }) => (entry?.kind === 'settled' ? Number(entry.charge.facts.callId) : []))
  return { ids, damaged: lines.filter(({ damage }) => damage).length }
}

describe('a file that cannot grow', () => {
  test('refuses calls before they are sent; everything is written once it can grow', async () => {
    const { child, lines, ended } = recording(64)
    await eventually(() => lines.some(({ refused }) => refused))
    expect(lines.filter(({ healthy }) => healthy === false)).toMatchObject([
      { message: expect.stringContaining('EFBIG') },
    ])
    expect(lines.find(({ refused }) => refused)).toEqual({ refused: 'LEDGER_UNAVAILABLE' })
    const before = ended().length
    await runProcess('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])
    await eventually(() => ended().length > before + 100)
    expect(lines.filter(({ healthy }) => healthy !== undefined)).toHaveLength(2)
    await kill(child)
    const { ids, damaged } = recorded()
    expect(damaged).toBeLessThanOrEqual(1) // what the kill cut off
    expect(ids).toEqual(expect.arrayContaining(ended()))
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('lets calls go on where that is configured, and counts the lines that are lost', async () => {
    const { child, lines, ended } = recording(64, 'allow')
    await eventually(() => lines.some(({ lost = 0 }) => lost > 1_000))
    expect(lines.some(({ refused }) => refused)).toBe(false)
    expect(lines.filter(({ healthy }) => healthy !== undefined)).toMatchObject([{ healthy: false }])
    await runProcess('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])
    await eventually(() => lines.some(({ healthy }) => healthy))
    const before = ended().length
    await eventually(() => ended().length > before + 100)
    await kill(child)
    const { ids } = recorded()
    // The first and the last are there; of those between, 10,000 lines.
    expect(ids).toEqual(expect.arrayContaining([0, ...ended().slice(-50)]))
    expect(new Set(ids).size).toBe(ids.length)
  })
})

test('a process that is killed has every record of an ended call, and at most one line that is torn', async () => {
  for (let round = 0; round < 5; round++) {
    const { child, ended } = recording(1 << 20)
    await eventually(() => ended().length > 50 * round + 10)
    await kill(child)
    const { ids, damaged } = recorded()
    expect(damaged).toBeLessThanOrEqual(1)
    expect(new Set(ids)).toEqual(expect.objectContaining({ size: ids.length }))
    expect(ids).toEqual(expect.arrayContaining(ended()))
    rmSync(join(root, '1'), { recursive: true })
  }
})

// The superuser may write everywhere.
test.skipIf(process.getuid?.() === 0)('a folder that cannot be written stops the start', async () => {
  const folder = join(root, 'read-only')
  mkdirSync(folder)
  chmodSync(folder, 0o500)
  const { exitCode, stderr } = await runProcess(process.execPath, ['--import', 'tsx', script, folder, 'refuse'])
  expect(exitCode).not.toBe(0)
  expect(stderr).toContain('EACCES')
})
