import { toBinary } from '@bufbuild/protobuf'
import type { CallContext } from '../../domain/calls/call.ts'
import { duration } from '../../domain/calls/call-record.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { codes } from '../../domain/errors/reasons.ts'
import { shownDelay, shownMessage } from '../../domain/errors/shown.ts'
import { type BatchChatResult, BatchChatResultSchema, type BatchError, type ChatResponse } from '../../domain/types.ts'

/** The answer to one request. One that is too large to be sent becomes an error. */
export function responseResult(index: number, response: ChatResponse, maxBytes: number): BatchChatResult {
  const result = resultOf(index, response.id, { case: 'response', value: response })
  const bytes = toBinary(BatchChatResultSchema, result).length
  if (bytes <= maxBytes) return result
  const message = `The answer has ${bytes} bytes, the gateway sends ${maxBytes} at most: ask for less at once.`
  throw new GatewayError('RESPONSE_TOO_LARGE', message)
}

/** The failure of one request; `context` is undefined if its call had not begun. */
export function errorResult(index: number, error: GatewayError, context: CallContext | undefined): BatchChatResult {
  const value: BatchError = {
    $typeName: 'llmgateway.v1.BatchError',
    code: codes[error.code],
    reason: error.reason,
    message: shownMessage(error),
    attempts: context?.record.endedAttempts() ?? [],
  }
  const delay = shownDelay(error)
  if (delay !== undefined) value.retryAfter = duration(delay)
  return resultOf(index, context?.requestId ?? '', { case: 'error', value })
}

function resultOf(index: number, id: string, result: BatchChatResult['result']): BatchChatResult {
  return { $typeName: 'llmgateway.v1.BatchChatResult', index, id, result }
}
