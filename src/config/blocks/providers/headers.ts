import { type Findings, pathText } from '../../findings.ts'

/** Headers that the configuration may not set: the gateway or the HTTP connection sets them for each request. */
const ownHeaders = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Headers sent with every request to a provider, by lower-case name. */
export function readHeaders(
  written: Readonly<Record<string, string>>,
  path: readonly string[],
  keyHeader: string | undefined,
  findings: Findings,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(written)) {
    const lower = name.toLowerCase()
    const fault =
      headerFault(lower, value, keyHeader) ??
      (Object.hasOwn(headers, lower) ? 'is set twice, in different case: remove one' : undefined)
    if (fault !== undefined) findings.problem(pathText([...path, name]), fault)
    else headers[lower] = value
  }
  return headers
}

function headerFault(name: string, value: string, keyHeader: string | undefined): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return 'is not the name of a header'
  if (ownHeaders.has(name)) return 'is set by the gateway itself: remove it'
  if (name === keyHeader?.toLowerCase()) return 'carries the key: write the key under keys instead'
  if (!/^[\x20-\x7e]*$/.test(value)) return 'must be made of printable ASCII characters'
  return undefined
}
