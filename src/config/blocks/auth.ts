import { createHash } from 'node:crypto'
import type { AuthSettings, JwtSettings, KeySettings } from '../../identity/settings.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import type { FileSettings } from '../file/schema.ts'
import { type Findings, pathText } from '../findings.ts'
import { ownLimits } from './limits.ts'

/** HS256 needs a key of at least the size of the hash: https://www.rfc-editor.org/rfc/rfc7518#section-3.2 */
const MIN_SECRET = 32
/** A shorter key can be guessed. */
const MIN_KEY = 16

type KeyEntry = NonNullable<Exclude<NonNullable<FileSettings['auth']>, 'none'>['keys']>[number]

/** How callers authenticate. */
export function authOf(file: FileSettings['auth'], env: EnvironmentSettings, findings: Findings): AuthSettings {
  if (file === 'none') return statedNone('auth: none', env, findings)
  if (!file && env.auth) return statedNone(`${env.auth.from}=none`, env, findings)
  const keys = keysOf(file?.keys ?? [], findings)
  const jwt = jwtOf(file?.jwt, env, findings)
  if (file || jwt) {
    if (file && !file.keys?.length && !file.jwt && !jwt) {
      findings.problem('auth', 'needs keys or jwt. Write "auth: none" to accept calls without a credential')
    }
    return {
      kind: 'required',
      keys,
      ...(jwt && { jwt }),
      providerOptions: file?.provider_options,
      cacheNamespaces: file?.cache_namespaces,
    }
  }
  return { kind: 'none', stated: false }
}

function statedNone(written: string, { jwtSecret }: EnvironmentSettings, findings: Findings): AuthSettings {
  if (jwtSecret)
    findings.notEnforced(`${jwtSecret.from} is set, but "${written}" takes precedence: callers are not authenticated.`)
  return { kind: 'none', stated: true }
}

function keysOf(entries: readonly KeyEntry[], findings: Findings): readonly KeySettings[] {
  const names = new Set<string>()
  const digests = new Set<string>()
  return entries.flatMap((entry, index) => {
    const { name, key, sha256, admin = false, models, limits } = entry
    const at = (field?: string) => pathText(['auth', 'keys', index, ...(field ? [field] : [])])
    if (names.has(name)) findings.problem(at('name'), 'is used for two keys: give each its own name')
    names.add(name)
    if ((key === undefined) === (sha256 === undefined)) {
      findings.problem(at(), 'needs either key or sha256')
      return []
    }
    if (key !== undefined && key.length < MIN_KEY) {
      findings.notice(
        `${at('key')} has fewer than ${MIN_KEY} characters and can be guessed. Use at least 32 random ones.`,
      )
    }
    const digest =
      sha256 ??
      createHash('sha256')
        .update(key ?? '')
        .digest('hex')
    if (digests.has(digest)) findings.problem(at(), 'is the same key as another entry: remove one')
    digests.add(digest)
    const { provider_options: providerOptions, cache_namespaces: cacheNamespaces } = entry
    return [{ name, sha256: digest, admin, models, providerOptions, cacheNamespaces, limits: ownLimits(limits) }]
  })
}

type JwtEntry = { secret?: string | undefined; issuer?: string | undefined; audience?: string | undefined }

function jwtOf(entry: JwtEntry | undefined, env: EnvironmentSettings, findings: Findings): JwtSettings | undefined {
  const found = entry?.secret === undefined ? env.jwtSecret : { from: 'auth.jwt.secret', value: entry.secret }
  if (!found) {
    if (entry) findings.problem('auth.jwt.secret', 'is missing: write it, or set JWT_SECRET')
    return undefined
  }
  if (Buffer.byteLength(found.value) < MIN_SECRET) {
    findings.problem(found.from, `must have at least ${MIN_SECRET} bytes. Create one with: openssl rand -base64 48`)
  }
  return {
    secret: found.value,
    ...(entry?.issuer !== undefined && { issuer: entry.issuer }),
    ...(entry?.audience !== undefined && { audience: entry.audience }),
  }
}

/** Reports who may read and write what other callers have cached. */
export function reportOpenNamespaces(auth: AuthSettings, findings: Findings): void {
  if (auth.kind === 'none') return
  if (auth.cacheNamespaces === 'all') {
    findings.notice(
      'auth.cache_namespaces: all lets every caller read and replace what is cached in any namespace. Name the namespaces, or give them to single keys.',
    )
  }
  for (const [index, { cacheNamespaces }] of auth.keys.entries()) {
    if (cacheNamespaces !== 'all') continue
    const at = pathText(['auth', 'keys', index, 'cache_namespaces'])
    findings.notice(`${at}: all lets this caller read and replace what is cached in any namespace.`)
  }
}
