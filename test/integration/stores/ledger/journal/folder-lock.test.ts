import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adoptJournals, ownJournal } from '../../../../../src/stores/ledger/journal/folder/folder-lock.ts'
import { thisProcess } from '../../../../../src/stores/ledger/journal/folder/owner.ts'
import { segmentPath } from '../../../../../src/stores/ledger/journal/folder/segments.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'journals-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const script = new URL('../../../../support/own-journal.ts', import.meta.url).pathname

/** A process that owns a sub-folder until it is killed. */
async function otherProcess() {
  const child = spawn(process.execPath, ['--import', 'tsx', script, root], { stdio: ['ignore', 'pipe', 'inherit'] })
  const failed = once(child, 'exit').then(() => expect.unreachable('the other process has ended'))
  const [folder] = await Promise.race([once(child.stdout, 'data'), failed])
  return {
    folder: String(folder),
    async kill() {
      const ended = once(child, 'exit')
      failed.catch(() => {})
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Rewrites the owner of a sub-folder. */
function disguise(folder: string, changed: object): string {
  const name = readdirSync(folder).find((each) => each.startsWith('lock.'))
  if (!name) throw new Error('no lock')
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changed }))
  return path
}

describe('the folder of a journal', () => {
  test('belongs to one owner; the next one takes the next sub-folder', () => {
    const [first, second] = [ownJournal(root), ownJournal(root)]
    expect([first.folder, second.folder]).toEqual([join(root, '1'), join(root, '2')])
    expect(first.id).not.toBe(second.id)
    first.release()
    const third = ownJournal(root)
    expect(third.folder).toBe(first.folder)
    expect(third.id).toBe(first.id)
  })

  test('is kept from other processes until its owner is killed', async () => {
    const other = await otherProcess()
    expect(other.folder).toBe(join(root, '1'))
    expect(ownJournal(root).folder).toBe(join(root, '2'))
    await other.kill()
    expect(ownJournal(root).folder).toBe(join(root, '1'))
  })

  test('begins after the segments that are there', () => {
    const first = ownJournal(root)
    expect(first.firstSegment).toBe(1)
    writeFileSync(segmentPath(first.folder, 1), '')
    writeFileSync(segmentPath(first.folder, 7), '')
    first.release()
    expect(ownJournal(root).firstSegment).toBe(8)
  })

  test('is taken over by one process only, however many try', async () => {
    const dead = await otherProcess()
    await dead.kill()
    const others = await Promise.all([otherProcess(), otherProcess(), otherProcess()])
    expect(new Set(others.map(({ folder }) => folder))).toEqual(
      new Set(['1', '2', '3'].map((name) => join(root, name))),
    )
    await Promise.all(others.map((other) => other.kill()))
  })

  test.each([
    ['whose number another process has by now', { started: '1' }],
    ['that was given back', { pid: 0 }],
  ])('is free after an owner %s', (_, owner) => {
    disguise(ownJournal(root).folder, owner)
    expect(ownJournal(root).folder).toBe(join(root, '1'))
  })

  test.each([
    ['another machine', { boot: 'another' }],
    ['another container', { namespace: 'another' }],
  ])('belongs to an owner on %s while that gives signs of life', (_, elsewhere) => {
    const owned = ownJournal(root)
    const lock = disguise(owned.folder, elsewhere)
    expect(ownJournal(root).folder).toBe(join(root, '2'))
    const before = new Date(Date.now() - 60_000)
    utimesSync(lock, before, before)
    expect(ownJournal(root).folder).toBe(join(root, '1'))
  })

  test('is free when a crash of the machine has emptied its lock', () => {
    const { folder } = ownJournal(root)
    const [name = ''] = readdirSync(folder).filter((each) => each.startsWith('lock.'))
    writeFileSync(join(folder, name), '')
    expect(ownJournal(root).folder).toBe(folder)
  })
})

describe('journals of ended processes', () => {
  test('are adopted, those of running ones are not', async () => {
    const [own, other] = [ownJournal(root), await otherProcess()]
    for (const { folder } of [own, other]) writeFileSync(segmentPath(folder, 1), '')
    expect(adoptJournals(root)).toEqual([])
    await other.kill()
    const adopted = adoptJournals(root)
    expect(adopted.map(({ folder }) => folder)).toEqual([other.folder])
    expect(adoptJournals(root)).toEqual([])
    adopted[0]?.release()
    expect(adoptJournals(root)).toHaveLength(1)
  })
})

test('a process is known by its boot, its namespace and its start', () => {
  const { boot, namespace, started } = thisProcess()
  expect(boot).toMatch(/^[0-9a-f-]{36}$/)
  expect(namespace).toMatch(/^pid:/)
  expect(started).toMatch(/^\d+$/)
})
