import { isIPv4, isIPv6 } from 'node:net'
import { isTimeZone } from '../../domain/time-zone.ts'
import { type LedgerStore, readLedgerUrl } from '../../stores/ledger/settings.ts'

/** Reads the text of a setting, in the file, a variable or a flag. */
export interface Reader<T> {
  /** Description of valid texts; follows "must be". */
  readonly expects: string
  /** Undefined for an invalid text. */
  read(text: string): T | undefined
}

const DAY = 24 * 3600 * 1000
const millisecondsIn: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds from `500ms`, `3s`, `10m` or `1h`; a bare number is seconds. */
export function duration(least = 1): Reader<number> {
  const range = least > 0 ? ' above 0 and' : ''
  return {
    expects: `a duration${range} up to 24h, such as 500ms, 3s, 10m or 1h; a bare number is seconds`,
    read(text) {
      const ms = scaled(text, /^(\d+(?:\.\d+)?) ?(ms|s|m|h)?$/, millisecondsIn, 's')
      return ms !== undefined && ms >= least && ms <= DAY ? Math.round(ms) : undefined
    },
  }
}

/** Milliseconds of a duration that may be written in days, such as `90d`, too; up to ten years. */
export const longDuration: Reader<number> = {
  expects: 'a duration above 0 and up to 3650d, such as 90d, 12h or 30m; a bare number is seconds',
  read(text) {
    const ms = scaled(text, /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)?$/, { ...millisecondsIn, d: DAY }, 's')
    return ms !== undefined && ms >= 1 && ms <= 3650 * DAY ? Math.round(ms) : undefined
  },
}

const bytesIn: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}
const LARGEST_MESSAGE = 2 ** 30

/** Bytes from `16MiB`, `4MB` or `65536`. */
export const messageSize: Reader<number> = {
  expects: 'a size from 1KiB to 1GiB, such as 16MiB, 4MB or a number of bytes',
  read: (text) => sizeUpTo(text, LARGEST_MESSAGE),
}

/** Bytes of memory from `256MiB`, `1GB` or `65536`. */
export const memorySize: Reader<number> = {
  expects: 'a size from 1KiB to 64GiB, such as 256MiB, 1GB or a number of bytes',
  read: (text) => sizeUpTo(text, 64 * 2 ** 30),
}

function sizeUpTo(text: string, largest: number): number | undefined {
  const bytes = scaled(text, /^(\d+(?:\.\d+)?) ?([KMG]i?B|B)?$/, bytesIn, 'B')
  return bytes !== undefined && bytes >= 1024 && bytes <= largest ? Math.round(bytes) : undefined
}

function scaled(
  text: string,
  pattern: RegExp,
  units: Readonly<Record<string, number>>,
  bare: string,
): number | undefined {
  const match = pattern.exec(text)
  const unit = match && units[match[2] ?? bare]
  return match && unit ? Number(match[1]) * unit : undefined
}

export function integer(least: number, most: number): Reader<number> {
  return {
    expects: `a whole number from ${least} to ${most}`,
    read(text) {
      const number = /^\d+$/.test(text) ? Number(text) : undefined
      return number !== undefined && number >= least && number <= most ? number : undefined
    },
  }
}

export function decimal(least: number, most = Number.POSITIVE_INFINITY): Reader<number> {
  return {
    expects: most === Number.POSITIVE_INFINITY ? `a number of at least ${least}` : `a number from ${least} to ${most}`,
    read(text) {
      const number = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined
      return number !== undefined && number >= least && number <= most && Number.isFinite(number) ? number : undefined
    },
  }
}

export const positive: Reader<number> = {
  expects: 'a number above 0',
  read(text) {
    const number = decimal(0).read(text)
    return number === 0 ? undefined : number
  },
}

const yes = ['true', 'yes', 'on', '1']
const no = ['false', 'no', 'off', '0']

export const flag: Reader<boolean> = {
  expects: 'true or false',
  read(text) {
    const word = text.toLowerCase()
    if (yes.includes(word)) return true
    return no.includes(word) ? false : undefined
  },
}

export function oneOf<const T extends string>(words: readonly T[]): Reader<T> {
  return {
    expects: words.length > 1 ? `one of ${words.join(', ')}` : words.join(),
    read: (text) => words.find((word) => word === text.toLowerCase()),
  }
}

/** Where the ledger keeps its records. */
export const ledgerUrl: Reader<LedgerStore> = {
  expects: 'memory, sqlite:PATH, or postgres://[user:password@]host[:port]/database',
  read: readLedgerUrl,
}

export const timeZone: Reader<string> = {
  expects: 'an IANA time zone such as Europe/Madrid or UTC',
  read: (value) => (isTimeZone(value) ? value : undefined),
}

/** ISO 4217 code of a currency, in upper case. */
export const currencyCode: Reader<string> = {
  expects: 'the ISO 4217 code of a currency, such as USD or EUR',
  read(value) {
    const code = value.toUpperCase()
    return Intl.supportedValuesOf('currency').includes(code) ? code : undefined
  },
}

/** Any text on one line. */
export const text: Reader<string> = {
  expects: 'a text on one line, without control characters',
  read: (value) => (value === '' || /\p{Cc}/u.test(value) ? undefined : value),
}

/** A vendor's id of a model. */
export const modelId: Reader<string> = {
  expects: 'the id of a model: up to 256 characters without spaces, "?", "#", "%", backslashes and ".." segments',
  read(id) {
    if (id === '' || id.length > 256 || /[\s?#%\\\p{Cc}]/u.test(id)) return undefined
    return id.startsWith('/') || id.split('/').includes('..') ? undefined : id
  },
}

/** Name of one provider. */
export const name: Reader<string> = {
  expects: 'one name',
  read: (value) => (/^[\w-]+$/.test(value) ? value.toLowerCase() : undefined),
}

/** Names of providers, separated by commas or spaces. */
export const names: Reader<readonly string[]> = {
  expects: 'a list of names, separated by commas',
  read(list) {
    const found = list.toLowerCase().split(/[\s,]+/)
    return unique(found.filter((name) => name !== ''))
  },
}

export function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)]
}

/** Address to listen on; without a host the default host is used. */
export interface ListenAddress {
  readonly host: string | undefined
  readonly port: number
}

export const listenAddress: Reader<ListenAddress> = {
  expects: 'an address such as 127.0.0.1:50051, [::1]:50051 or :50051',
  read(address) {
    const match = /^(?:\[([^\]]+)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(address)
    if (!match) return undefined
    const [, bracketed, plain, digits] = match
    const port = Number(digits)
    if (port > 65_535) return undefined
    if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined
    if (!plain) return { host: undefined, port }
    return isIPv4(plain) || isHostname(plain) ? { host: plain, port } : undefined
  },
}

/** A host whose last label is all digits is a mistyped IPv4 address. */
function isHostname(host: string): boolean {
  return /^(?!.*(^|\.)\d+$)[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(host)
}

/** A web origin, or `*` for all. */
export const origin: Reader<string> = {
  expects: 'an origin such as https://app.example.com, without a path, or *',
  read: (value) => (value === '*' || webUrl(value)?.origin === value ? value : undefined),
}

/** URL for traces at an OpenTelemetry collector, from the collector's base URL. */
export const otlpEndpoint: Reader<string> = {
  expects: 'an http:// or https:// URL',
  read(value) {
    const url = webUrl(value)
    if (!url) return undefined
    if (!url.pathname.endsWith('/v1/traces')) url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`
    return url.href
  },
}

/** Full URL for traces at an OpenTelemetry collector. */
export const otlpTracesEndpoint: Reader<string> = {
  expects: 'an http:// or https:// URL',
  read: (value) => webUrl(value)?.href,
}

/** As in other programs, the scheme of a proxy may be left out. */
export const proxyUrl: Reader<string> = {
  expects: 'the http:// or https:// URL of a proxy',
  read: (value) => webUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`)?.href,
}

export function webUrl(value: string): URL | undefined {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return undefined
  return new URL(value)
}

/** A network, or a single address. */
export const network: Reader<string> = {
  expects: 'a network such as 10.0.0.0/8 or fd00::/8, or an address',
  read(value) {
    const [address = '', prefix, ...rest] = value.split('/')
    const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : undefined
    if (bits === undefined || rest.length > 0) return undefined
    return prefix === undefined || integer(0, bits).read(prefix) !== undefined ? value : undefined
  },
}

/** A host name, without a port. */
export const hostName: Reader<string> = {
  expects: 'a host name such as gateway.example.com, without a port',
  read: (value) => (isHostname(value) ? value.toLowerCase() : undefined),
}
