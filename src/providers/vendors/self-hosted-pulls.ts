import { EnsureModelState } from '../../domain/types.ts'
import type { PullReader, PullStep, PullWire } from '../define.ts'
import { fieldsOf, isObject, type JsonFields, parseJson, textOf } from './json.ts'
import { byteCount, LayerBytes } from './layer-bytes.ts'

const { STARTING, PULLING } = EnsureModelState

/**
 * Docker Model Runner. It ends with the connection of the client, and keeps the layers that are complete.
 * https://docs.docker.com/ai/model-runner/api-reference/
 * https://github.com/docker/model-runner/blob/main/pkg/distribution/oci/progress.go
 */
export const dockerPull: PullWire = {
  canonical: dockerName,
  request: (model) => ({
    path: '/models/create',
    base: 'server',
    // Its lines are text for people otherwise.
    headers: { accept: 'application/json' },
    body: JSON.stringify({ from: model }),
  }),
  reader: () => new DockerPullReader(),
}

/** Newer versions list names with their registry, organization and tag. */
function dockerName(model: string): string {
  const name = model
    .toLowerCase()
    .replace(/^(index\.)?docker\.io\//, '')
    .replace(/^huggingface\.co\//, 'hf.co/')
  const whole = name.includes('/') ? name : `ai/${name}`
  return whole.slice(whole.lastIndexOf('/') + 1).includes(':') ? whole : `${whole}:latest`
}

class DockerPullReader implements PullReader {
  readonly #bytes = new LayerBytes()
  #total = 0

  read(text: string): PullStep | undefined {
    const line = parseJson(text)
    if (!isObject(line)) return spoken(text)
    const message = textOf(line['message'])
    switch (line['type']) {
      case 'success':
        return { kind: 'ready' }
      case 'error':
        return { kind: 'failed', error: { message } }
      case 'progress':
        return this.#progress(line, message)
      default:
        return { kind: 'progress', state: STARTING, status: message, bytes: this.#sum() }
    }
  }

  #progress(line: JsonFields, status: string): PullStep {
    const { id, size, current } = fieldsOf(line['layer'])
    this.#bytes.set(textOf(id), current ?? line['pulled'], size)
    this.#total = Math.max(this.#total, byteCount(line['total']) ?? 0)
    return { kind: 'progress', state: PULLING, status, bytes: this.#sum() }
  }

  #sum() {
    const { done, total } = this.#bytes.sum()
    return { done, total: Math.max(total, this.#total) }
  }
}

/** Versions that know no JSON write text. */
function spoken(text: string): PullStep | undefined {
  const status = text.trim()
  if (status === '') return undefined
  if (/pulled successfully|using cached model/i.test(status)) return { kind: 'ready' }
  if (/^(error|failed)\b/i.test(status)) return { kind: 'failed', error: { message: status } }
  return { kind: 'progress', state: PULLING, status, bytes: { done: 0, total: 0 } }
}

/**
 * LM Studio downloads in the background, and its API cannot stop that. https://lmstudio.ai/docs/developer/rest/download
 */
export const lmStudioPull: PullWire = {
  canonical: (model) => model.toLowerCase(),
  request: (model) => ({ path: '/api/v1/models/download', base: 'server', body: JSON.stringify({ model }) }),
  reader: () => ({ read: readJob }),
  statePath(reply) {
    const id = textOf(fieldsOf(reply)['job_id'])
    if (id === '') return undefined
    return { path: `/api/v1/models/download/status/${encodeURIComponent(id)}`, base: 'server' }
  },
}

function readJob(text: string): PullStep | undefined {
  const job = parseJson(text)
  if (!isObject(job)) return undefined
  const status = textOf(job['status'])
  if (status === 'completed' || status === 'already_downloaded') return { kind: 'ready' }
  if (status === 'failed') return { kind: 'failed', error: { message: textOf(job['error']) } }
  const error = job['error']
  if (error !== undefined)
    return { kind: 'failed', error: { message: textOf(fieldsOf(error)['message']) || textOf(error) } }
  const done = byteCount(job['downloaded_bytes']) ?? 0
  const bytes = { done, total: Math.max(done, byteCount(job['total_size_bytes']) ?? 0) }
  return { kind: 'progress', state: done > 0 ? PULLING : STARTING, status, bytes }
}
