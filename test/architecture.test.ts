import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { kinds, upcoming } from '../src/providers/index.ts'
import { type Folder, folders, folderTable } from './support/folders.ts'
import { importsOf, readSources, type SourceTree, withoutComments } from './support/source-tree.ts'

/** The only entry to the generated code, and the only list of vendors. */
const generatedCodeEntry = 'src/domain/types.ts'
const listOfVendors = 'src/providers/index.ts'

/** Kinds whose names mean something else, too. */
const ordinaryWords = ['local']
const vendors = [...kinds, ...upcoming].map(({ kind }) => kind).filter((kind) => !ordinaryWords.includes(kind))

function folderOf(path: string): Folder | undefined {
  return folders.find((folder) => path.startsWith(folder.path))
}

function strayFiles(tree: SourceTree): string[] {
  return [...tree.keys()].filter((path) => folderOf(path) === undefined)
}

function forbiddenImports(tree: SourceTree): string[] {
  return edgesOf(tree)
    .filter(([from, to]) => !isAllowed(from, to))
    .map(([from, to]) => `${from} imports ${to}`)
}

function isAllowed(from: string, to: string): boolean {
  if (to.startsWith('gen/')) return from === generatedCodeEntry
  const folder = folderOf(from)
  if (!folder) return true // strayFiles reports it
  return [folder.path, ...folder.mayImport].some((allowed) => to.startsWith(allowed))
}

function edgesOf(tree: SourceTree): [from: string, to: string][] {
  return [...tree].flatMap(([from, text]) => importsOf(from, text).map((to): [string, string] => [from, to]))
}

/** Each cycle once, as the path that leads back to its beginning. */
function importCycles(tree: SourceTree): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]) => {
    const at = trail.indexOf(path)
    if (at >= 0) cycles.push([...trail.slice(at), path].join(' > '))
    if (at >= 0 || done.has(path)) return
    for (const next of importsOf(path, tree.get(path) ?? '')) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of tree.keys()) visit(path, [])
  return cycles
}

/** Lines of code that match, as `path: line`. */
function linesWith(tree: SourceTree, pattern: RegExp, except: readonly string[] = []): string[] {
  const found: string[] = []
  for (const [path, text] of tree) {
    if (except.some((start) => path.startsWith(start))) continue
    const lines = withoutComments(text).split('\n')
    found.push(...lines.filter((line) => pattern.test(line)).map((line) => `${path}: ${line.trim()}`))
  }
  return found
}

/** In any spelling; names in capitals, such as variables of the environment, do not count. */
function vendorNames(tree: SourceTree): string[] {
  const capitals = /\b[A-Z0-9]+(?:_[A-Z0-9]+)+\b/g
  const withoutCapitals = [...tree].map(([path, text]) => [path, text.replace(capitals, '')] as const)
  return linesWith(new Map(withoutCapitals), new RegExp(vendors.join('|'), 'i'), ['src/providers/'])
}

function environmentReads(tree: SourceTree): string[] {
  return linesWith(tree, /\bprocess\.env\b/, ['src/main.ts', 'src/config/'])
}

/** A variable, or a collection that begins empty and may change: it can only be there to be filled. */
function moduleState(tree: SourceTree): string[] {
  const variable = /^(?:export )?(?:let|var)\b/
  const collection = /^(?:export )?const (?!.*readonly)[^=]+= (?:new (?:Weak)?(?:Map|Set)(?:<.*>)?\(\)|\[\])$/i
  return [...linesWith(tree, variable), ...linesWith(tree, collection)]
}

/**
 * Each evaluation of an object literal with an accessor makes a hidden class of its own, which the engine keeps among its
 * old objects with the accessor's closure: all that the closure reaches then outlives the young generation.
 */
function literalAccessors(tree: SourceTree): string[] {
  return linesWith(tree, /^ {4,}(?:get|set) \w+\(/)
}

function defaultExports(tree: SourceTree): string[] {
  return linesWith(tree, /^export default\b|^export \{.*\bas default\b/)
}

function barrels(tree: SourceTree): string[] {
  const exports = /^export\b[^'"=;]*?\bfrom\s*['"]/m
  return [...tree].filter(([, text]) => exports.test(text)).map(([path]) => path)
}

const sources = readSources('src')

describe('the source', () => {
  it('is found, with its imports', () => {
    expect(sources.size).toBeGreaterThan(100)
    expect(importsOf('src/gateway.ts', sources.get('src/gateway.ts') ?? '')).toContain('src/policies/routing/route.ts')
    expect(vendors).toEqual(expect.arrayContaining(['openai', 'azure', 'groq', 'simulator']))
  })
  it('has every file in a folder of the list', () => expect(strayFiles(sources)).toEqual([]))
  it('imports downward only, and generated code through one entry', () => expect(forbiddenImports(sources)).toEqual([]))
  it('is described by docs/architecture.md, whose table is the one of test/support/folders.ts', () => {
    expect(readFileSync('docs/architecture.md', 'utf8')).toContain(`\n\n${folderTable()}\n\n`)
  })
  it('is described from the bottom up', () => {
    const below = new Set<string>()
    for (const { path, mayImport } of folders) {
      for (const allowed of mayImport)
        if (allowed !== 'src/') expect([...below].some((lower) => allowed.startsWith(lower))).toBe(true)
      below.add(path)
    }
  })
  it('has no import cycles', () => expect(importCycles(sources)).toEqual([]))
  it('names no vendor outside src/providers', () => expect(vendorNames(sources)).toEqual([]))
  it('reads the environment in main.ts and src/config only', () => expect(environmentReads(sources)).toEqual([]))
  it('keeps no state in modules', () => expect(moduleState(sources)).toEqual([]))
  it('has no accessors in object literals', () => expect(literalAccessors(sources)).toEqual([]))
  it('has no default exports', () => expect(defaultExports(sources)).toEqual([]))
  it('has one barrel beside the entry to the generated code', () => {
    expect(barrels(sources).toSorted()).toEqual([generatedCodeEntry, listOfVendors])
  })
})

describe('the benchmark', () => {
  it('loads the built modules whose types it uses', () => {
    const loads = [...readSources('bench').values()].flatMap((text) => [
      ...text.matchAll(/import\('\.\.\/src\/([\w/-]+)\.ts'\)>\(\s*'([\w/-]+)'/g),
    ])
    expect(loads.length).toBeGreaterThan(10)
    expect(loads.map(([, , loaded]) => loaded)).toEqual(loads.map(([, typed]) => typed))
  })
})

describe('the rules notice', () => {
  const file = (path: string, text: string): SourceTree => new Map([[path, `${text}\n`]])

  it('a file outside the folders', () => {
    expect(strayFiles(file('src/utils/misc.ts', ''))).toHaveLength(1)
  })
  it.each([
    ['src/domain/calls/call.ts', "import { route } from '../../policies/route.ts'"],
    ['src/domain/calls/call.ts', "import type { Chat } from '../../gen/llmgateway/v1/chat_pb.js'"],
    ['src/policies/routing/route.ts', "import { createStats } from '../../telemetry/stats.ts'"],
    ['src/policies/routing/route.ts', "import {\n  openai,\n} from '../../providers/vendors/presets.ts'"],
    ['src/config/load.ts', "import { openai } from '../providers/presets.ts'"],
    ['src/server/grpc/grpc-server.ts', "const { loadConfig } = await import('../../config/load.ts')"],
    ['src/identity/authenticator.ts', "export * from '../config/auth.ts'"],
    ['src/telemetry/log/log.ts', "import '../../server/grpc/grpc-server.ts'"],
    ['src/gateway.ts', "import { kinds } from './providers/index.ts'"],
  ])('a forbidden import in %s: %s', (path, text) => {
    expect(forbiddenImports(file(path, text))).toHaveLength(1)
  })
  it('a cycle over three files', () => {
    const ring = [
      ['src/domain/a.ts', "import { b } from './b.ts'"],
      ['src/domain/b.ts', "import type { c } from './c.ts'"],
      ['src/domain/c.ts', "export { a } from './a.ts'"],
    ] as const
    expect(importCycles(new Map(ring))).toEqual([
      'src/domain/a.ts > src/domain/b.ts > src/domain/c.ts > src/domain/a.ts',
    ])
  })
  it.each(["if (kind === 'openai') return", 'function encodeGroq() {}', 'const AzureError = 1'])(
    'the name of a vendor: %s',
    (text) => expect(vendorNames(file('src/policies/planning/plan.ts', text))).toHaveLength(1),
  )
  it.each(["  const key = process.env['KEY']", 'const { env } = process.env'])(
    'a read of the environment: %s',
    (text) => {
      expect(environmentReads(file('src/server/grpc/grpc-server.ts', text))).toHaveLength(1)
    },
  )
  it.each([
    'let calls = 0',
    'export let last: Call',
    'const live = new Map<string, Call>()',
    'const seen: Call[] = []',
  ])('state: %s', (text) => expect(moduleState(file('src/server/server-options.ts', text))).toHaveLength(1))
  it('an accessor in an object literal', () => {
    expect(literalAccessors(file('src/server/server-options.ts', 'return {\n    get held() {'))).toHaveLength(1)
  })
  it.each(['export default class Server {}', 'export { server as default }'])('a default export: %s', (text) => {
    expect(defaultExports(file('src/server/server-options.ts', text))).toHaveLength(1)
  })
  it('a barrel', () => {
    expect(barrels(file('src/server/index.ts', "export { Server } from './server.ts'"))).toHaveLength(1)
  })
})
