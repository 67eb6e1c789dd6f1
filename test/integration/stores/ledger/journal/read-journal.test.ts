import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  deleteSegmentsBefore,
  listSegments,
  segmentPath,
  setAside,
  sizeOfSegments,
} from '../../../../../src/stores/ledger/journal/folder/segments.ts'
import { encodeEntry } from '../../../../../src/stores/ledger/journal/line.ts'
import {
  type JournalLine,
  type JournalPosition,
  readJournal,
  START,
} from '../../../../../src/stores/ledger/journal/read-journal.ts'
import { someCharge } from '../../../../support/charges.ts'
import { summaryOf } from '../../../../support/journal.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const line = (callId: string) => encodeEntry({ kind: 'settled', charge: someCharge({ callId }) })
const write = (segment: number, text: string | Buffer) => appendFileSync(segmentPath(folder, segment), text)
const read = (from: JournalPosition = START, isLive = false) => [...readJournal(folder, from, isLive)]
const inShort = (lines: readonly JournalLine[]) =>
  lines.map(({ entry, damage }) => damage?.kind ?? summaryOf(entry).slice('settled '.length))

describe('a journal', () => {
  test('is read across its segments, and on from any position', () => {
    write(1, line('a') + line('b'))
    write(2, '')
    write(3, line('c'))
    const lines = read()
    expect(inShort(lines)).toEqual(['a/1', 'b/1', 'c/1'])
    for (const [index, { position }] of lines.entries()) expect(read(position)).toEqual(lines.slice(index + 1))
  })

  test('has a line only when it is complete', () => {
    const [first, second] = [line('a'), line('b')]
    write(1, first + second.slice(0, 50))
    const lines = read(START, true)
    expect(inShort(lines)).toEqual(['a/1'])
    write(1, second.slice(50))
    expect(inShort(read(lines[0]?.position, true))).toEqual(['b/1'])
  })

  test('is torn where a process ended within a line', () => {
    write(1, line('a') + line('b').slice(0, 50))
    write(2, line('c'))
    const lines = read(START, true)
    expect(inShort(lines)).toEqual(['a/1', 'torn', 'c/1'])
    expect(lines[1]?.damage?.bytes.toString()).toBe(line('b').slice(0, 50))
    expect(read(lines[1]?.position, true)).toEqual(lines.slice(2))
  })

  test('has a corrupt line up to the next newline, and loses nothing else', () => {
    write(1, line('a'))
    write(1, 'x'.repeat(3 << 20))
    write(1, `\n${line('b')}`)
    expect(inShort(read())).toEqual(['a/1', 'corrupt', 'b/1'])
  })

  test('goes on after an empty line', () => {
    write(1, `\n\n${line('a')}`)
    expect(inShort(read())).toEqual(['a/1'])
  })

  test('loses at most the two lines beside any changed byte', () => {
    const ids = ['a', 'b', 'c', 'd', 'e']
    const whole = Buffer.from(ids.map(line).join(''))
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(whole)
        damaged[at] = (damaged[at] ?? 0) ^ change
        writeFileSync(segmentPath(folder, 1), damaged)
        const left = inShort(read())
        const expected = ids.map((id) => `${id}/1`)
        expect(left.filter((each) => each !== 'corrupt' && each !== 'torn').length).toBeGreaterThanOrEqual(3)
        expect(left.filter((each) => expected.includes(each))).toEqual(expected.filter((each) => left.includes(each)))
      }),
    )
  })

  test('ends wherever it was cut off, with every line before', () => {
    const whole = ['a', 'b', 'c'].map(line).join('')
    for (let size = 0; size <= whole.length; size += 7) {
      writeFileSync(segmentPath(folder, 1), whole.slice(0, size))
      const complete = whole.slice(0, size).split('\n').length - 1
      expect(read().filter(({ entry }) => entry)).toHaveLength(complete)
    }
  })
})

describe('segments', () => {
  test('that were read are deleted, other files are left alone', async () => {
    for (const segment of [1, 2, 10]) write(segment, line('a'))
    writeFileSync(join(folder, 'lock.1'), '')
    mkdirSync(join(folder, 'other'))
    expect(listSegments(folder)).toEqual([1, 2, 10])
    expect(await sizeOfSegments(folder)).toBe(3 * line('a').length)
    deleteSegmentsBefore(folder, 10)
    expect(listSegments(folder)).toEqual([10])
    expect(existsSync(join(folder, 'lock.1'))).toBe(true)
  })

  test('keep what is damaged in a file beside them', () => {
    setAside(folder, 7, Buffer.from('torn'))
    setAside(folder, 7, Buffer.from(' more'))
    expect(readFileSync(join(folder, '00000007.damaged'), 'utf8')).toBe('torn more')
    expect(listSegments(folder)).toEqual([])
  })
})
