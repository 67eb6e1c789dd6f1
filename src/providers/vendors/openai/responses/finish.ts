import { FinishReason } from '../../../../domain/types.ts'
import { endingOf } from '../../finish-words.ts'
import { fieldsOf, type JsonFields, textOf } from '../../json.ts'

/** Why a response ended; `raw` is the vendor's word. */
export interface Finish {
  readonly reason: FinishReason
  readonly raw: string
}

/**
 * The end of a response that did not fail; undefined while it is being made. There is no word for tool calls: a response
 * with them is `completed`. https://platform.openai.com/docs/api-reference/responses/object#responses/object-status
 */
export function finishOf(response: JsonFields): Finish | undefined {
  const status = textOf(response['status'])
  if (status === 'incomplete') {
    const raw = textOf(fieldsOf(response['incomplete_details'])['reason']) || status
    return { reason: endingOf(raw)?.reason ?? FinishReason.OTHER, raw }
  }
  if (status === 'completed' || status === '') return { reason: FinishReason.STOP, raw: status }
  return undefined
}
