import { type Findings, pathText } from '../findings.ts'
import type { Variables } from './variables.ts'

/** What references in a file are replaced from. */
export interface References {
  readonly variables: Variables
  /** Text of a file. Throws what Node throws. */
  readFile(path: string): string
}

type Path = readonly PropertyKey[]

/** Real files nest 6 levels; one with an anchor inside itself would nest without end. */
const MAX_DEPTH = 32

/**
 * The tree of a YAML file with every `${VARIABLE}` and `${file:/path}` replaced and empty values left out. Secrets must
 * be references, or `{ file: /path }`: secrets in the file itself end up in repositories and tickets.
 */
export function expand(tree: unknown, references: References, findings: Findings): unknown {
  return expandAt([], tree)

  function expandAt(path: Path, node: unknown, parent?: object): unknown {
    if (node === null) return undefined
    if (path.length > MAX_DEPTH) return refuse(path.slice(0, 1), 'is nested too deeply')
    const secret = secretAt(path, node, parent)
    if (secret) return expandSecret(path, node, secret)
    if (typeof node === 'string') return expandText(path, node)
    if (Array.isArray(node)) return node.map((item, index) => expandAt([...path, index], item))
    if (typeof node !== 'object') return node
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, expandAt([...path, key], value, node)]))
  }

  function expandSecret(path: Path, node: unknown, secret: Secret): string | undefined {
    if (isFile(node)) return fileText(path, node.file)
    if (typeof node === 'string' && patterns[secret].test(node)) return expandText(path, node)
    return refuse(path, LITERAL_SECRET)
  }

  function expandText(path: Path, text: string): string | undefined {
    let complete = true
    const expanded = text.replace(REFERENCE, (whole, name: string | undefined) => {
      if (name === undefined) return whole.slice(1)
      const value = name.startsWith('file:') ? fileText(path, name.slice(5)) : variable(path, name)
      if (value === undefined) complete = false
      return value ?? ''
    })
    return complete ? expanded : undefined
  }

  function variable(path: Path, name: string): string | undefined {
    if (!/^[A-Za-z_]\w*$/.test(name)) return refuse(path, BAD_REFERENCE)
    return references.variables.get(name) ?? refuse(path, `the environment variable ${name} is not set`)
  }

  function fileText(path: Path, file: string): string | undefined {
    try {
      return references.readFile(file).trim() || refuse(path, `the file ${file} is empty`)
    } catch (error) {
      return refuse(path, `the file ${file} cannot be read (${systemCode(error)})`)
    }
  }

  function refuse(path: Path, reason: string): undefined {
    findings.problem(pathText(path), reason)
  }
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: shows how a reference is written
const BAD_REFERENCE = 'write a reference as ${VARIABLE} or ${file:/path}'
// biome-ignore lint/suspicious/noTemplateCurlyInString: shows how a reference is written
const LITERAL_SECRET = 'a secret must not be written here: use "${VARIABLE}", "${file:/path}" or { file: /path }'

/** `$${` escapes `${`. */
const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g

/** Code of a system error, such as `ENOENT`. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

/** Whether the whole value is a secret, or a part of it may be one. */
type Secret = 'whole' | 'part'

const patterns: Readonly<Record<Secret, RegExp>> = { whole: /^\$\{[^}]+\}$/, part: /(?<!\$)\$\{[^}]+\}/ }

/** The URL of a Redis that needs a password contains it. */
const PASSWORD = /@|password=/

function secretAt(path: Path, node: unknown, parent: object | undefined): Secret | undefined {
  const [block, entry, field, last] = path
  if (block === 'auth' && entry === 'keys' && path.length === 4 && last === 'key') return 'whole'
  if (block === 'auth' && entry === 'jwt' && path.length === 3 && field === 'secret') return 'whole'
  if (block === 'redis' && entry === 'url' && !(typeof node === 'string' && !PASSWORD.test(node))) return 'part'
  if (block === 'ledger' && entry === 'url' && path.length === 2 && !isPublicLedger(node)) return 'part'
  if (block === 'alerts') return webhookSecretAt(path, node, parent)
  if (block !== 'providers' || path.length !== 4) return undefined
  if (field === 'keys') return 'whole'
  return field === 'headers' && isCredentialHeader(String(last)) ? 'part' : undefined
}

/** Whether the address of a ledger holds no password: a user name alone is none. */
function isPublicLedger(node: unknown): boolean {
  return typeof node === 'string' && (!/^postgres/i.test(node) || !/:\/\/[^@]*:[^@]*@|password=/i.test(node))
}

/** Formats whose URLs let everybody post who knows them. */
const SECRET_URL_FORMATS = ['slack', 'teams', 'discord']
/** What only a secret has in a URL: a login, a query or a long random part of the path. */
const SECRET_IN_URL = /^[a-z]+:\/\/[^/]*@|[?#]|^[a-z]+:\/\/[^/]+\/.*[\w-]{20}/i
const THIS_MACHINE = /^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])([:/]|$)/i

function webhookSecretAt([, entry, , setting]: Path, node: unknown, webhook: object | undefined): Secret | undefined {
  if (entry !== 'webhooks') return undefined
  if (setting === 'secret' || setting === 'routing_key') return 'whole'
  if (setting !== 'url') return undefined
  if (typeof node !== 'string') return 'part'
  const format = webhook && 'format' in webhook ? String(webhook.format) : ''
  const isSecret = SECRET_URL_FORMATS.includes(format) || SECRET_IN_URL.test(node)
  return isSecret && !THIS_MACHINE.test(node) ? 'part' : undefined
}

/** Whether a header of this name probably carries a secret. */
export function isCredentialHeader(name: string): boolean {
  return /auth|key|token|secret|cookie|password|credential/i.test(name)
}

function isFile(node: unknown): node is { readonly file: string } {
  return (
    typeof node === 'object' &&
    node !== null &&
    Object.keys(node).length === 1 &&
    'file' in node &&
    typeof node.file === 'string'
  )
}
