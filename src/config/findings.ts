import { didYouMean } from '../domain/text/closest.ts'

/** What keeps the gateway from starting. */
export interface Problem {
  /** A place in the file, as in `providers.main.keys[0]`, an environment variable, or a flag. */
  readonly path: string
  readonly reason: string
}

/** What was found while the configuration was read. No text holds a value that may be a secret. */
export class Findings {
  readonly problems: Problem[] = []
  /** What the operator should know. */
  readonly notices: string[] = []
  /** What the operator believes to be enforced and is not. */
  readonly unenforced: string[] = []

  /** Of two problems in one place the second comes of the first, and is not told. */
  problem(path: string, reason: string): void {
    if (this.problems.some((known) => known.path === path)) return
    this.problems.push({ path, reason })
  }

  notice(text: string): void {
    this.notices.push(text)
  }

  notEnforced(text: string): void {
    this.unenforced.push(text)
  }
}

/** One key after another, as in `models.default.targets[0]`; a key that would blur the path is quoted. */
export function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the file'
  let text = ''
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else if (/^[\w/:@+-]+$/.test(String(key))) text += text === '' ? String(key) : `.${String(key)}`
    else text += `[${JSON.stringify(String(key))}]`
  }
  return text
}

/** A reason, with the known names that the unknown one most likely meant. */
export function withHint(reason: string, name: string, known: Iterable<string>): string {
  const hint = didYouMean(name, known)
  return hint === '' ? reason : `${reason}.${hint}`
}
