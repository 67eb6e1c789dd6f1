import type { RedisOptions as AllOptions, Redis } from 'ioredis'
import type { RedisAddress } from './redis-address.ts'

type RedisOptions = Omit<AllOptions, 'replyMapping'>

/** Time to establish a connection, in ms. */
const CONNECT_TIMEOUT = 1_000
/** Time for a connection to close in good order, in ms. */
const DISCONNECT_TIMEOUT = 100
/** Time between attempts to connect, in ms. */
const FIRST_RETRY = 100
const MAX_RETRY = 1_000

/**
 * A client that never queues, never sends a command twice and never waits forever. With the package's defaults a command
 * hangs while Redis is unavailable, and one whose reply was lost is sent again and counts twice. `timeout` in ms.
 *
 * The package is loaded here only, so that gateways without Redis do not pay for it.
 */
export async function createRedisClient(address: RedisAddress, timeout: number): Promise<Redis> {
  const { Redis: Client } = await import('ioredis')
  return new Client(optionsOf(address, timeout))
}

function optionsOf(address: RedisAddress, timeout: number): RedisOptions {
  const { username, password, db, tls, master } = address
  return {
    ...hostsOf(address),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && (master === undefined ? { tls: {} } : { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true })),
    db,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    connectTimeout: CONNECT_TIMEOUT,
    disconnectTimeout: DISCONNECT_TIMEOUT,
    // Callers do not wait this long; it bounds the commands that the client itself sends when it connects.
    commandTimeout: Math.max(CONNECT_TIMEOUT, 2 * timeout),
    retryStrategy: (times) => Math.min(times * FIRST_RETRY, MAX_RETRY),
    connectionName: 'llm-gateway',
    disableClientInfo: true,
    protocol: 2,
  }
}

function hostsOf({ hosts, master, sentinelPassword }: RedisAddress): RedisOptions {
  if (master === undefined) return { ...hosts[0] }
  return {
    sentinels: hosts.map(({ host, port }) => ({ host, port })),
    name: master,
    sentinelRetryStrategy: (times) => Math.min(times * FIRST_RETRY, MAX_RETRY),
    sentinelCommandTimeout: CONNECT_TIMEOUT,
    failoverDetector: true,
    ...(sentinelPassword !== undefined && { sentinelPassword }),
  }
}
