import type { ChatSink } from '../../../define.ts'
import { countOf, fieldsOf, type JsonFields, listOf, textOf } from '../../json.ts'

/** Limit for the sources of one response. */
const MAX_CITATIONS = 1024

interface Source {
  readonly url: string
  readonly title: string
  readonly text: string
}

/** Reports the sources of a response. A stream may repeat them; each place is reported once. */
export class Citations {
  readonly #sink: ChatSink
  readonly #reported = new Set<string>()

  constructor(sink: ChatSink) {
    this.#sink = sink
  }

  read({ citationMetadata, groundingMetadata }: JsonFields): void {
    this.#recited(fieldsOf(citationMetadata))
    this.#grounded(fieldsOf(groundingMetadata))
  }

  /** Sources that the model quoted word for word. https://ai.google.dev/api/generate-content#citationmetadata */
  #recited({ citationSources, citations }: JsonFields): void {
    // Vertex AI uses another name for the list.
    for (const recited of [...listOf(citationSources), ...listOf(citations)]) {
      const { uri, title, startIndex, endIndex } = fieldsOf(recited)
      this.#notify({ url: textOf(uri), title: textOf(title), text: '' }, startIndex, endIndex)
    }
  }

  /** Sources found by searching. https://ai.google.dev/api/generate-content#GroundingMetadata */
  #grounded({ groundingChunks, groundingSupports }: JsonFields): void {
    const sources = listOf(groundingChunks).map(sourceOf)
    const unused = new Set(sources)
    for (const support of listOf(groundingSupports)) {
      const { segment, groundingChunkIndices } = fieldsOf(support)
      const { startIndex, endIndex } = fieldsOf(segment)
      for (const index of listOf(groundingChunkIndices)) {
        const source = typeof index === 'number' ? sources[index] : undefined
        if (!source) continue
        unused.delete(source)
        this.#notify(source, startIndex, endIndex)
      }
    }
    for (const source of unused) this.#notify(source, undefined, undefined)
  }

  /** The vendor's JSON leaves out a start of 0, as all zeros. */
  #notify(source: Source, startIndex: unknown, endIndex: unknown): void {
    const end = countOf(endIndex)
    const start = countOf(startIndex) ?? (end === undefined ? undefined : 0)
    const place = JSON.stringify([source.url, start, end])
    if (source.url === '' || this.#reported.has(place) || this.#reported.size >= MAX_CITATIONS) return
    this.#reported.add(place)
    this.#sink.citation({
      $typeName: 'llmgateway.v1.Citation',
      ...source,
      ...(start !== undefined && { start }),
      ...(end !== undefined && { end }),
    })
  }
}

/** A page, a place on a map, an image, or a piece of the caller's own documents. */
function sourceOf(chunk: unknown): Source {
  const { web, maps, image, retrievedContext } = fieldsOf(chunk)
  const { uri, sourceUri, title, text } = fieldsOf(web ?? maps ?? image ?? retrievedContext)
  return { url: textOf(uri) || textOf(sourceUri), title: textOf(title), text: textOf(text) }
}
