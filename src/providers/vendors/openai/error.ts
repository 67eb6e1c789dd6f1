import type { VendorError } from '../../failures/vendor-error.ts'
import { fieldsOf, isObject, type JsonFields, listOf, parseJson, textOf } from '../json.ts'

/** Largest length of a vendor's text that is read. */
const LONGEST = 4096

/**
 * The error in a body, in any spelling of the family: `{error: {message, type, code, param}}`, the same without
 * `error`, `{error: "text"}`, `{detail}`, a list of one of these, plain text. Undefined where there is none.
 */
export function readError(reply: unknown): VendorError | undefined {
  const body: unknown = Array.isArray(reply) ? reply[0] : reply
  if (typeof body === 'string') return readText(body)
  if (!isObject(body)) return undefined
  const { error } = body
  if (isObject(error)) return compact(error, body)
  if (Array.isArray(error)) return compact({ message: error[0] }, body)
  if (typeof error === 'string') return compact({ ...body, message: error }, body)
  return compact(body, body)
}

/** Pages of HTML are ignored: a proxy wrote them, not the vendor. */
function readText(text: string): VendorError | undefined {
  const message = text.trim().slice(0, LONGEST)
  return message === '' || message.startsWith('<') ? undefined : { message }
}

function compact(error: JsonFields, body: JsonFields): VendorError | undefined {
  const code = codeOf(error['code'] ?? body['code'])
  const status = statusOf(error['status'], error['status_code'], error['StatusCode'], error['code'], body['code'])
  const type = textOf(error['type']) || textOf(error['status']) || textOf(innerCode(error))
  const { message, param } = readMessage(error)
  const retryAfter = retryDelay(error['details'])
  const found: VendorError = {
    ...(status !== undefined && { status }),
    ...(type !== '' && { type }),
    ...(code !== '' && { code }),
    ...(message !== '' && { message }),
    ...(param !== '' && { param }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...(isRelayed(error) && { relayed: true }),
  }
  return Object.keys(found).length > 0 ? found : undefined
}

function codeOf(code: unknown): string {
  return typeof code === 'number' ? String(code) : textOf(code)
}

/** The first candidate that is an HTTP status of a failure. */
function statusOf(...candidates: readonly unknown[]): number | undefined {
  return candidates
    .map((candidate) => (typeof candidate === 'string' ? Number(candidate) : candidate))
    .find(
      (candidate): candidate is number =>
        Number.isInteger(candidate) && Number(candidate) >= 400 && Number(candidate) < 600,
    )
}

/** Azure's own code. https://learn.microsoft.com/en-us/azure/ai-services/openai/concepts/content-filter */
function innerCode({ innererror }: JsonFields): unknown {
  return isObject(innererror) ? innererror['code'] : undefined
}

function readMessage(error: JsonFields): { message: string; param: string } {
  const said = error['message'] ?? error['detail']
  const detail = isObject(said) ? (said['detail'] ?? said['message']) : said
  const [first] = listOf(detail)
  if (isObject(first)) {
    // A list of fields with their mistakes, as FastAPI writes it: vLLM, Mistral.
    const param = listOf(first['loc']).filter((step) => step !== 'body')
    return { message: cut(first['msg']), param: param.join('.') }
  }
  const message = [cut(detail), upstreamMessage(error['metadata'])].filter((text) => text !== '').join(' ')
  return { message, param: textOf(error['param']) }
}

/** OpenRouter names the vendor behind it, LiteLLM starts with its own name. */
function isRelayed({ message, metadata }: JsonFields): boolean {
  const { raw, provider_name } = fieldsOf(metadata)
  return (
    raw !== undefined ||
    typeof provider_name === 'string' ||
    /^(litellm\.|Provider returned error$)/.test(textOf(message))
  )
}

/** The message of the vendor behind OpenRouter. https://openrouter.ai/docs/api-reference/errors */
function upstreamMessage(metadata: unknown): string {
  const raw = isObject(metadata) ? metadata['raw'] : undefined
  const inner = typeof raw === 'string' ? parseJson(raw) : raw
  if (!isObject(inner)) return cut(raw)
  return cut(fieldsOf(inner['error'])['message'] ?? inner['message'])
}

function cut(text: unknown): string {
  return textOf(text).slice(0, LONGEST)
}

/** In ms. https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto */
function retryDelay(details: unknown): number | undefined {
  for (const detail of listOf(details)) {
    const delay = isObject(detail) ? /^(\d+(?:\.\d+)?)s$/.exec(textOf(detail['retryDelay']))?.[1] : undefined
    if (delay !== undefined) return Number(delay) * 1000
  }
  return undefined
}
