import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The text of source files, by their path from the root of the repository. */
export type SourceTree = ReadonlyMap<string, string>

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export function readSources(folder: string): SourceTree {
  const tree = new Map<string, string>()
  for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
    const path = join(entry.parentPath, entry.name)
    tree.set(relative(ROOT, path).split(sep).join('/'), readFileSync(path, 'utf8'))
  }
  return tree
}

/** The files of ours that a file imports or exports from, types included, by their path from the root. */
export function importsOf(path: string, text: string): string[] {
  const statements = /^(?:import|export)\b[^'"]*?\bfrom\s*['"](\.[^'"]+)['"]|\bimport\s*\(?\s*['"](\.[^'"]+)['"]/gm
  return [...text.matchAll(statements)].map(([, named, bare]) => posix.join(posix.dirname(path), named ?? bare ?? ''))
}

/** Without its comments, as the formatter leaves them: on lines of their own, or after code and a space. */
export function withoutComments(text: string): string {
  return text.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '').replace(/ \/\/ .*$/gm, '')
}
