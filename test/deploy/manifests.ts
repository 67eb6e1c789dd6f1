import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

/** What Kubernetes is handed, by `Kind name`. */
export type Manifests = ReadonlyMap<string, Manifest>
export type Manifest = { readonly kind: string; readonly metadata: { readonly name: string } } & Readonly<
  Record<string, unknown>
>

/** All documents of YAML files. Throws when one is no manifest, or two have the same name. */
export function parseManifests(text: string): Manifests {
  const manifests = new Map<string, Manifest>()
  for (const document of parseAllDocuments(text)) {
    const [error] = document.errors
    if (error) throw error
    const manifest: Manifest | null = document.toJS()
    if (manifest === null) continue
    const name = `${manifest.kind} ${manifest.metadata.name}`
    if (manifests.has(name)) throw new Error(`${name} is there twice`)
    manifests.set(name, manifest)
  }
  return manifests
}

/** The YAML files of a folder. */
export function manifestFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(folder, name))
}

export function readManifests(folder: string): Manifests {
  return parseManifests(
    manifestFiles(folder)
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n---\n'),
  )
}

/** What a chart adds. */
const OF_HELM = /^(?:helm\.sh\/chart|app\.kubernetes\.io\/(?:managed-by|version)|checksum\/\w+)$/

/** Without what only Helm puts there. */
export function normalised(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(normalised)
  if (typeof node !== 'object' || node === null) return node
  const entries = Object.entries(node).filter(([name]) => !OF_HELM.test(name))
  return Object.fromEntries(entries.map(([name, value]) => [name, normalised(value)]))
}
