import { EnsureModelState } from '../../../domain/types.ts'
import type { PullReader, PullStep, PullWire } from '../../define.ts'
import { isObject, parseJson, textOf } from '../json.ts'
import { LayerBytes } from '../layer-bytes.ts'
import { readError } from '../openai/error.ts'

const { STARTING, PULLING, FINISHING } = EnsureModelState

/** Ends with the connection of the client, and continues where it ended. https://docs.ollama.com/api/pull */
export const pull: PullWire = {
  canonical,
  request: (model) => ({ path: '/api/pull', body: JSON.stringify({ model, stream: true }) }),
  reader: () => new OllamaPullReader(),
}

/** The tag `latest` and the library are implied. https://docs.ollama.com/modelfile#from-required */
function canonical(model: string): string {
  const name = model
    .toLowerCase()
    .replace(/^(https?:\/\/)?registry\.ollama\.ai\//, '')
    .replace(/^library\//, '')
  return name.slice(name.lastIndexOf('/') + 1).includes(':') ? name : `${name}:latest`
}

class OllamaPullReader implements PullReader {
  readonly #bytes = new LayerBytes()

  read(text: string): PullStep | undefined {
    const line = parseJson(text)
    if (!isObject(line)) return undefined
    if (line['error'] !== undefined) return { kind: 'failed', error: readError(line) ?? {} }
    const status = textOf(line['status'])
    if (status === 'success') return { kind: 'ready' }
    const digest = textOf(line['digest'])
    if (digest !== '') this.#bytes.set(digest, line['completed'], line['total'])
    return { kind: 'progress', state: stateOf(status, digest), status, bytes: this.#bytes.sum() }
  }
}

function stateOf(status: string, digest: string): EnsureModelState {
  if (digest !== '') return PULLING
  return status === '' || status.startsWith('pulling') ? STARTING : FINISHING
}
