import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, utimes, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRunning, type Owner, thisProcess } from './owner.ts'
import { listSegments } from './segments.ts'

/** The folder of a journal, which belongs to this process until it ends. */
export interface OwnedJournal {
  readonly folder: string
  /** Identifies the journal among all journals of all gateways, for as long as its folder exists. */
  readonly id: string
  /** The first segment of its present owner; those before were written by processes that have ended. */
  readonly firstSegment: number
  /** Shows processes that cannot see this one that it is still running. To be called every 5 s. */
  touch(): void
  /** Gives the folder up. */
  release(): void
}

/** Sub-folders that are tried: as many processes may share a folder. */
const MAX_JOURNALS = 1_000
const LOCK = /^lock\.(\d+)$/
const ID = 'id'

/** The first sub-folder of `root` that has no owner. Throws the system's error when it cannot be written. */
export function ownJournal(root: string): OwnedJournal {
  for (let number = 1; number <= MAX_JOURNALS; number++) {
    const folder = join(root, String(number))
    mkdirSync(folder, { recursive: true })
    const owned = lock(folder)
    if (owned) return owned
  }
  throw new Error(`${root} is used by ${MAX_JOURNALS} processes.`)
}

/** Takes over the sub-folders of `root` whose owners have ended. */
export function adoptJournals(root: string): OwnedJournal[] {
  const numbers = readdirSync(root).filter((name) => /^\d{1,4}$/.test(name))
  return numbers.flatMap((number) => {
    const folder = join(root, number)
    // One without segments is about to be used for the first time.
    return listSegments(folder).length > 0 ? (lock(folder) ?? []) : []
  })
}

/**
 * Each owner has a lock with a number of its own, and the highest one counts. Taking over creates the next one, which
 * only one process can do, so that nobody ever removes a lock that may be in use.
 */
function lock(folder: string): OwnedJournal | undefined {
  const own = join(folder, `${randomUUID()}.tmp`)
  writeFileSync(own, JSON.stringify(thisProcess()))
  try {
    const present = Math.max(0, ...locksIn(folder))
    if (present > 0 && isHeld(lockPath(folder, present), statSync(own).mtimeMs)) return undefined
    const path = lockPath(folder, present + 1)
    if (!linked(own, path)) return undefined
    const locks = locksIn(folder)
    // While this process looked, others took the folder over, gave it back, and took it over again.
    if (locks.some((each) => each > present + 1)) return undefined
    for (const each of locks) if (each <= present) unlinkSync(lockPath(folder, each))
    return ownedJournal(folder, path)
  } finally {
    unlinkSync(own)
  }
}

function ownedJournal(folder: string, path: string): OwnedJournal {
  return {
    folder,
    id: idOf(folder),
    firstSegment: (listSegments(folder).at(-1) ?? 0) + 1,
    touch() {
      const now = new Date()
      utimes(path, now, now, () => {})
    },
    release: () => free(path),
  }
}

/** The lock stays, without an owner, so that the next one has a higher number. */
function free(path: string): void {
  try {
    writeFileSync(path, JSON.stringify({ ...thisProcess(), pid: 0 }))
  } catch {
    // It counts as free, too, when this process has ended.
  }
}

/** `now` is the file system's time. */
function isHeld(path: string, now: number): boolean {
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as Owner // written by `lock`
    return owner.pid > 0 && isRunning(owner, now - statSync(path).mtimeMs)
  } catch (error) {
    // Replaced in this moment by that of another process.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    // Only a crash of the machine leaves a lock without content.
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** The id is made with the folder: a folder that was deleted and made again is another journal. */
function idOf(folder: string): string {
  const path = join(folder, ID)
  try {
    const id = readFileSync(path, 'utf8')
    if (id !== '') return id
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const id = randomUUID()
  writeFileSync(path, id)
  return id
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    // Not every file system has links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error
    return created(to, readFileSync(from))
  }
}

function created(path: string, content: Buffer): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function lockPath(folder: string, number: number): string {
  return join(folder, `lock.${number}`)
}

function locksIn(folder: string): number[] {
  const numbers = readdirSync(folder).flatMap((name) => LOCK.exec(name)?.[1] ?? [])
  return numbers.map(Number)
}
