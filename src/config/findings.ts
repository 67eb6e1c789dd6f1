import { didYouMean } from '../domain/text/closest.ts'

/** A mistake that keeps the gateway from starting. */
export interface Problem {
  /** A place in the file, as in `providers.main.keys[0]`, an environment variable, or a flag. */
  readonly path: string
  readonly reason: string
}

/** Everything found while the configuration is read. No text holds a value that may be a secret. */
export class Findings {
  readonly problems: Problem[] = []
  /** What the operator should know. */
  readonly notices: string[] = []
  /** What is configured but not enforced by this version. */
  readonly unenforced: string[] = []

  /** Only the first problem of a place is kept: a second one follows from it. */
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

/** A path such as `models.default.targets[0]`; a key that would make it ambiguous is quoted. */
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

/** The reason, followed by the known name that was most likely meant. */
export function withHint(reason: string, name: string, known: Iterable<string>): string {
  const hint = didYouMean(name, known)
  return hint === '' ? reason : `${reason}.${hint}`
}
