import { type Findings, pathText } from '../findings.ts'

/** Those that belong to the connection or are set for each request. */
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

/** The headers that are sent with every request of a provider, by lower-case name. */
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
      headerFault(lower, value, keyHeader) ?? (Object.hasOwn(headers, lower) ? 'is written twice' : undefined)
    if (fault !== undefined) findings.problem(pathText([...path, name]), fault)
    else headers[lower] = value
  }
  return headers
}

function headerFault(name: string, value: string, keyHeader: string | undefined): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return 'is not the name of a header'
  if (ownHeaders.has(name)) return 'is set by the gateway itself'
  if (name === keyHeader?.toLowerCase()) return 'carries the key: write it under keys'
  if (!/^[\x20-\x7e]*$/.test(value)) return 'must be made of printable ASCII characters'
  return undefined
}
