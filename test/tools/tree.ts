import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/*
 * Prints where src/ and test/ are largest: the fullest folders, the longest files and the longest functions. For eyes,
 * not a gate: about 12 files side by side, 250 lines (a vendor 350) and 40 lines are where to look for a second subject.
 */

const SHOWN = 10

interface Size {
  readonly name: string
  readonly size: number
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesIn(path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}

function folderSizes(files: readonly string[]): Size[] {
  const counts = new Map<string, number>()
  for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1)
  return Array.from(counts, ([name, size]) => ({ name, size }))
}

/** The formatter indents the end of a function like its beginning. */
function functionSizes(file: string, lines: readonly string[]): Size[] {
  return lines.flatMap((line, index) => {
    const start = beginning.exec(line)
    if (!start || control.test(line)) return []
    const indent = start[1] ?? ''
    const rest = lines
      .slice(index + 1)
      .filter((other) => other.startsWith(indent) && /^[)}]/.test(other.slice(indent.length)))
    if (line.endsWith('(') && !/^ *\).*\{$/.test(rest[0] ?? '')) return []
    const end = rest.find((other) => other.startsWith(`${indent}}`) && !/[({]$/.test(other))
    const length = end === undefined ? 0 : lines.indexOf(end, index + 1) - index
    return length > 0 ? [{ name: `${file}:${index + 1} ${line.trim().slice(0, 60)}`, size: length + 1 }] : []
  })
}

const beginning =
  /^( *)(?:(?:export )?(?:async )?function\b|(?:export )?const \w+ = .*=> \{$|(?:static |async |get |set )*#?\w+(?:<.*>)?\((?:.*\{)?$)/
const control = /^ *(?:if|for|while|switch|return|await|throw|expect|test|it|describe)\b/

function print(title: string, sizes: readonly Size[]): void {
  console.log(`\n${title}`)
  const largest = sizes.toSorted((a, b) => b.size - a.size).slice(0, SHOWN)
  for (const { name, size } of largest) console.log(`${String(size).padStart(6)}  ${name}`)
}

for (const root of ['src', 'test']) {
  const files = filesIn(root)
  const texts = files.map((file) => ({ file, lines: readFileSync(file, 'utf8').trimEnd().split('\n') }))
  print(`${root}: files side by side`, folderSizes(files))
  print(
    `${root}: lines of a file`,
    texts.map(({ file, lines }) => ({ name: file, size: lines.length })),
  )
  if (root === 'src')
    print(
      'src: lines of a function',
      texts.flatMap(({ file, lines }) => functionSizes(file, lines)),
    )
}
