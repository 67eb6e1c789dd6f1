import type { AnyRequest, Caller } from '../domain/calls/call.ts'
import { GatewayError } from '../domain/errors/error.ts'
import { allowsAny } from '../domain/text/name-list.ts'

/** Limit for the characters of a key that are quoted in an error. */
const MAX_KEY_LENGTH = 64

/** Throws FIELD_NOT_ALLOWED for a field that the caller may not set, or a value that it may not have. */
export function checkAllowedFields(caller: Caller, request: AnyRequest): void {
  checkOptions(caller, request)
  const namespace = request.cache?.namespace ?? ''
  if (namespace !== '' && !allowsAny(caller.cacheNamespaces, [namespace])) {
    throw refusal(
      'cache.namespace',
      'this credential may not use this namespace; its cache_namespaces name those it may',
    )
  }
}

function checkOptions({ providerOptions: allowed }: Caller, { providerOptions }: AnyRequest): void {
  if (allowed === undefined || allowed === 'all') return
  for (const [provider, fields] of Object.entries(providerOptions)) {
    for (const field of Object.keys(fields)) {
      if (allowsAny(allowed, [provider, field])) continue
      const [at, name] = [provider, field].map((key) => key.slice(0, MAX_KEY_LENGTH).toWellFormed())
      const path = `provider_options[${JSON.stringify(at)}].${name}`
      throw refusal(path, 'this credential may not set this field; its provider_options name those it may')
    }
  }
}

function refusal(field: string, description: string): GatewayError {
  return new GatewayError('FIELD_NOT_ALLOWED', `${field}: ${description}.`, { fields: [{ field, description }] })
}
