import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A recorded reply of a vendor, and what must become of it. */
export interface Case {
  /** `<folder>/<case>`. */
  readonly name: string
  /** The folder: usually the vendor's name. */
  readonly folder: string
  /** The vendor, where the recording names it. */
  readonly provider: string
  /** Which of the vendor's APIs it was recorded from. */
  readonly api: string
  /** The recorded request's body, where there is one. */
  readonly request: Readonly<Record<string, unknown>>
  readonly reply: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly contentType: string
    readonly body: Buffer
    readonly streamed: boolean
  }
  readonly expected: Expected
}

export interface Expected {
  readonly result: 'chat' | 'completion' | 'error' | 'stream_error' | 'embeddings' | 'models' | 'count_tokens' | 'pull'
  readonly text?: string
  readonly reasoning?: string
  readonly reasoning_signatures?: number
  readonly redacted_reasoning_blocks?: number
  readonly refusal?: string
  readonly tool_calls?: readonly ExpectedCall[]
  readonly finish_reason?: { readonly raw: string | null; readonly mapped: string | null }
  /** Why the vendor did not answer the question at all. */
  readonly prompt_block_reason?: string
  readonly usage?: Readonly<Record<UsageField, number | null>> | null
  readonly id?: string | null
  readonly model?: string | null
  readonly error?: {
    readonly status: number | null
    readonly category: string
    readonly retry_after_seconds?: number | null
  }
  readonly embeddings?: {
    readonly count: number
    readonly dimensions: number
    readonly first_values: readonly (readonly number[])[]
    readonly sums: readonly number[]
  }
  readonly models?: readonly string[]
  /** The states of a download as they change, and the parts of the model with their last counts. */
  readonly statuses?: readonly string[]
  readonly layers?: readonly { readonly total: number; readonly completed: number }[]
  /** The sources that a text names, as the vendor wrote them. */
  readonly annotations?: readonly { readonly url?: string; readonly filename?: string }[]
  /** What the model drew. */
  readonly images?: readonly { readonly sha256: string }[]
}

export interface ExpectedCall {
  readonly id: string | null
  readonly name: string
  readonly arguments: string
  readonly arguments_json: unknown
}

export type UsageField = 'input' | 'output' | 'cached_input' | 'cache_write' | 'reasoning' | 'total'

/** The ids of a list of models, sorted. Gemini's have a prefix, which the gateway takes off. */
export function modelIds({ models = [] }: Expected): readonly string[] {
  return models.map((id) => id.replace(/^models\//, '')).sort()
}

/** Every case of a corpus, in the order of their names: each folder with a `meta.json`, two levels down. */
export function readCases(corpus: string): Case[] {
  return foldersIn(corpus).flatMap((folder) =>
    foldersIn(join(corpus, folder))
      .filter((name) => existsSync(join(corpus, folder, name, 'meta.json')))
      .map((name) => readCase(corpus, folder, name)),
  )
}

function foldersIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
}

function readCase(corpus: string, folder: string, name: string): Case {
  const path = join(corpus, folder, name)
  // The corpus describes its layout; a file of another one fails the run, which is what it should do.
  const {
    provider = folder,
    api,
    response,
    expected,
  } = JSON.parse(readFileSync(join(path, 'meta.json'), 'utf8')) as {
    provider?: string
    api: string
    response: { file: string; status: number; headers?: Record<string, string> }
    expected: Expected
  }
  const { file, status, headers = {} } = response
  const extension = file.slice(file.lastIndexOf('.') + 1)
  const request = join(path, 'request.json')
  const { 'content-type': contentType = contentTypes[extension] ?? 'application/json', ...rest } = headers
  return {
    name: `${folder}/${name}`,
    folder,
    provider,
    api,
    request: existsSync(request) ? JSON.parse(readFileSync(request, 'utf8')) : {},
    reply: { status, headers: rest, contentType, body: readFileSync(join(path, file)), streamed: extension in streams },
    expected,
  }
}

const streams: Readonly<Record<string, string>> = {
  sse: 'text/event-stream',
  ndjson: 'application/x-ndjson',
  eventstream: 'application/vnd.amazon.eventstream',
}
const contentTypes: Readonly<Record<string, string>> = { ...streams, txt: 'text/plain' }
