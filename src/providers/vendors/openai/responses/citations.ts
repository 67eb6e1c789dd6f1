import type { Citation } from '../../../../domain/types.ts'
import { countOf, fieldsOf, textOf } from '../../json.ts'

/**
 * A source that a text names: a page with the part of the text that it supports, or a file. `offset` is where the text
 * begins in the response, in characters; undefined for annotations that are not a source.
 * https://platform.openai.com/docs/api-reference/responses/object#responses/object-output
 */
export function citationOf(annotation: unknown, offset: number): Citation | undefined {
  const { url, title, filename, start_index, end_index, type } = fieldsOf(annotation)
  const isFile = type === 'file_citation' || type === 'container_file_citation'
  if (textOf(url) === '' && !(isFile && textOf(filename) !== '')) return undefined
  const start = countOf(start_index)
  const end = countOf(end_index)
  return {
    $typeName: 'llmgateway.v1.Citation',
    url: textOf(url),
    title: textOf(title) || textOf(filename),
    text: '',
    ...(start !== undefined && { start: start + offset }),
    ...(end !== undefined && { end: end + offset }),
  }
}
