const MiB = 1024 * 1024
const MINUTE = 60_000

/** The tunable values of the servers, with their defaults. Durations in ms, sizes in bytes. */
export const defaultServerSettings = {
  /** Time that calls in flight get to end after a stop is requested; 0 cuts them off. */
  drain: 25_000,
  /** Largest request message. */
  maxReceiveBytes: 16 * MiB,
  /** Largest response message. Most clients accept 4 MiB unless they are configured otherwise. */
  maxSendBytes: 16 * MiB,
  /** Calls at once on one connection; a client queues above it. */
  maxStreams: 1000,
  /** Most time that a call may take, and its deadline when it brings none. */
  maxDuration: 10 * MINUTE,
  /** The same for a batch. Each of its requests may take as long as a call. */
  maxBatchDuration: 60 * MINUTE,
  /** Silence after which a stream sends a heartbeat event. */
  heartbeat: 15_000,
  /** Interval of HTTP/2 pings, and the time that a client has to acknowledge one. */
  keepalive: 10_000,
  /** Age after which a client is sent to another connection, give or take a tenth. */
  maxConnectionAge: 30 * MINUTE,
  /** Networks of load balancers that begin every connection with a header of the PROXY protocol. */
  trustedProxies: [] as readonly string[],
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1000,
  /** Time that a request may take to arrive, and a new connection to complete its handshake. */
  readTimeout: 10_000,
  /** Time that a reader may leave about 4 KiB of its stream unread before it is cut off. */
  stallTimeout: 60_000,
  /** Headers of a request: names, values and 32 for each. */
  maxHeaderBytes: 16 * 1024,
  /** Bytes of all requests that have arrived in part. */
  maxPendingBytes: 128 * MiB,
  /** Bytes of all replies of vendors that have arrived in part. */
  maxReplyBytes: 256 * MiB,
  /** Compressed requests that are unpacked at once; others wait. Node has 4 threads for this. */
  maxCompressedCalls: 4,
  /** Calls that one connection may reset, in 10 s, in the second in which it began them. */
  maxResets: 200,
  /** Smoothed delay of the event loop above which calls are refused. */
  maxLoopDelay: 200,
}

export type ServerSettings = Readonly<typeof defaultServerSettings>
