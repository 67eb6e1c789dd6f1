import type { VendorError } from '../../failures/vendor-error.ts'
import { fieldsOf, isObject, type JsonFields, listOf, textOf } from '../json.ts'

/** Limit for the part of a vendor's text that is read, in characters. */
const LONGEST = 4096
/** Longest wait that is accepted, in ms. */
const MAX_WAIT = 3_600_000

/**
 * Reads an error body: `{error: {code, message, status, details}}`, a list of one, or the inner object. Undefined if it
 * says nothing. https://google.aip.dev/193
 */
export function readError(reply: unknown): VendorError | undefined {
  const body: unknown = Array.isArray(reply) ? reply[0] : reply
  if (typeof body === 'string') return readText(body)
  const { error } = fieldsOf(body)
  if (typeof error === 'string') return readText(error)
  // A gateway in between may leave out the outer object.
  return isObject(body) ? compact(isObject(error) ? error : body) : undefined
}

/** A page of HTML comes from a proxy and does not describe the failure. */
function readText(text: string): VendorError | undefined {
  const message = text.trim().slice(0, LONGEST)
  return message === '' || message.startsWith('<') ? undefined : { message }
}

function compact(error: JsonFields): VendorError | undefined {
  const type = textOf(error['status'])
  const message = textOf(error['message']).slice(0, LONGEST)
  const found: VendorError = {
    ...(typeof error['code'] === 'number' && { status: error['code'] }),
    ...(type !== '' && { type }),
    ...(message !== '' && { message }),
    ...readDetails(listOf(error['details']), type),
  }
  return Object.keys(found).length > 0 ? found : undefined
}

/** https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto */
function readDetails(details: readonly unknown[], type: string): VendorError {
  const all = details.map(fieldsOf)
  const detail = (name: string) => fieldsOf(all.find((each) => textOf(each['@type']).endsWith(`google.rpc.${name}`)))
  const code = textOf(detail('ErrorInfo')['reason']) || textOf(first(detail('QuotaFailure')['violations'])['quotaId'])
  const param = textOf(first(detail('BadRequest')['fieldViolations'])['field'])
  const retryAfter = delayOf(detail('RetryInfo')['retryDelay'])
  return {
    ...((code || type) && { code: code || type }),
    ...(param !== '' && { param }),
    ...(retryAfter !== undefined && { retryAfter }),
  }
}

function first(list: unknown): JsonFields {
  return fieldsOf(listOf(list)[0])
}

/** `34.4s`, in ms. */
function delayOf(delay: unknown): number | undefined {
  const seconds = /^(\d{1,9}(?:\.\d+)?)s$/.exec(textOf(delay))?.[1]
  return seconds === undefined ? undefined : Math.min(Math.round(Number(seconds) * 1000), MAX_WAIT)
}
