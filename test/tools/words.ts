import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Finding, findWords } from './find-words.ts'

/*
 * Prints where comments, messages and pages still use words that readers stumble over, and exits with 1 if any is left
 * in src/, proto/ or README.md.
 */

const held = ['src', 'proto', 'README.md']
const others = ['docs', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'RELEASING.md', 'test', 'bench']

function filesIn(path: string): string[] {
  if (path.includes('.')) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => /\.(?:ts|proto|md)$/.test(name) && !name.startsWith(join('test', 'tools')))
}

function findingsIn(root: string): Finding[] {
  return filesIn(root).flatMap((path) => findWords(path, readFileSync(path, 'utf8')))
}

let left = 0
for (const root of [...held, ...others]) {
  const findings = findingsIn(root)
  for (const { path, line, word, instead, text } of findings) {
    console.log(`${path}:${line}: "${word}" (${instead}): ${text}`)
  }
  if (held.includes(root)) left += findings.length
  console.log(`${root}: ${findings.length} left`)
}
process.exitCode = left > 0 ? 1 : 0
