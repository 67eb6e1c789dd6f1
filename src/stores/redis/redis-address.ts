/** Address of Redis, read from its URL. */
export interface RedisAddress {
  /** One server, or its Sentinels. */
  readonly hosts: readonly RedisHost[]
  /** Name of the group that the Sentinels watch; undefined for a single server. */
  readonly master?: string
  readonly username?: string
  readonly password?: string
  /** Password of the Sentinels themselves. */
  readonly sentinelPassword?: string
  readonly db: number
  readonly tls: boolean
}

export interface RedisHost {
  readonly host: string
  readonly port: number
}

const SCHEME = /^(rediss?)(\+sentinel)?:\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([^?]*))?(?:\?(.*))?$/i
const HOST = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::(\d{1,5}))?$/i

/**
 * Reads `redis://[user:password@]host[:port][/db]`, with `rediss` for TLS, or
 * `redis+sentinel://[user:password@]host[:port],host[:port]/master[/db][?sentinel_password=...]`. Names and passwords are
 * percent-encoded. Undefined when the URL has neither form.
 */
export function readRedisUrl(url: string): RedisAddress | undefined {
  const match = SCHEME.exec(url)
  if (!match) return undefined
  const [, scheme = '', sentinel, credentials = '', list = '', path = '', query] = match
  const hosts = list.split(',').map((host) => readHost(host, sentinel ? 26_379 : 6379))
  const [master, db = '', ...more] = sentinel ? path.split('/') : ['', ...path.split('/')]
  const options = new URLSearchParams(query)
  const sentinelPassword = options.get('sentinel_password') ?? undefined
  const known = hosts.filter((host) => host !== undefined)
  const login = readCredentials(credentials)
  const isComplete = sentinel ? master !== '' : hosts.length === 1 && query === undefined
  if (!login || !isComplete || known.length < hosts.length || more.length > 0 || !/^\d{0,4}$/.test(db)) return undefined
  return {
    hosts: known,
    ...(sentinel && { master: master ?? '' }),
    ...login,
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    db: Number(db),
    tls: scheme.toLowerCase() === 'rediss',
  }
}

function readHost(text: string, defaultPort: number): RedisHost | undefined {
  const match = HOST.exec(text)
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  const host = match?.[1] ?? match?.[2]
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : undefined
}

function readCredentials(text: string): { username?: string; password?: string } | undefined {
  if (text === '') return {}
  const colon = text.indexOf(':')
  try {
    const username = decodeURIComponent(colon < 0 ? text : text.slice(0, colon))
    const password = colon < 0 ? undefined : decodeURIComponent(text.slice(colon + 1))
    return { ...(username !== '' && { username }), ...(password !== undefined && { password }) }
  } catch {
    return undefined
  }
}
