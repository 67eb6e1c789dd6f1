import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { ThreadOptions } from './messages.ts'

/** Memory for new objects of a thread, in MB: the default takes 12 MB more, and is no faster. */
const MAX_YOUNG_MB = 8

/** Starts a module of this folder as a thread. */
export function startThread(name: 'query-thread' | 'writer-thread', options: ThreadOptions): Worker {
  const extension = extname(new URL(import.meta.url).pathname)
  const url = new URL(`./${name}${extension}`, import.meta.url)
  const resourceLimits = { maxYoungGenerationSizeMb: MAX_YOUNG_MB }
  const parts = { workerData: options, name: `ledger-${name}`, resourceLimits }
  if (extension !== '.ts') return new Worker(url, parts)
  // Threads of Node 20 do not inherit the loader that runs the gateway from its source.
  const { href } = url
  // Found from here: the thread would look for it in the working directory.
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  const load = `import(${loader}).then(({ tsImport }) => tsImport(${JSON.stringify(href)}, ${JSON.stringify(href)}))`
  return new Worker(load, { ...parts, eval: true })
}
