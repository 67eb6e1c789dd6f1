import pino from 'pino'
import type { Clock } from '../../domain/clock.ts'
import { describeCause } from './cause.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** Members of a line beside its message. Never a key, a prompt, a header or a body. */
export type Fields = Readonly<Record<string, unknown>>

/** Writes one JSON object per line. */
export interface Log {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
  /** Writes a failure of this program, with its stack. */
  failure(message: string, thrown: unknown, fields?: Fields): void
  writes(level: Level): boolean
  /** Writes a line whose members, after `level` and `time`, are JSON already: `"key":value,...`. */
  line(level: Level, members: string): void
  /** Number of lines lost because standard output was not read fast enough. */
  dropped(): number
  /** Settles when everything was written, or after a second. Never rejects. */
  flush(): Promise<void>
  /** Flushes synchronously, just before the process exits. */
  flushSync(): void
}

export interface LogOptions {
  readonly clock: Clock
  /** Lowest level that is written; `silent` writes nothing. Default: `info`. */
  readonly level?: Level | 'trace' | 'fatal' | 'silent'
  /** Default: standard output. */
  readonly destination?: pino.DestinationStream
}

/** Lines are buffered up to this many bytes ... */
const BUFFER_LENGTH = 8192
/** ... or for this long, in ms. */
const MAX_DELAY = 200
/** Time limit of a flush, in ms. */
const FLUSH_TIMEOUT = 1000
/** Unread bytes beyond which lines are dropped: a stalled reader must not fill the memory. */
const MAX_UNREAD = 16 * 1024 * 1024

export function createLog({ clock, level = 'info', destination }: LogOptions): Log {
  const output = destination ? plain(destination) : buffered(clock)
  const time = timeOf(clock)
  const logger: pino.Logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${time()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  )
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    failure: (message, thrown, fields) => logger.error({ ...fields, error: describeCause(thrown) }, message),
    writes: (lineLevel) => logger.isLevelEnabled(lineLevel),
    line: (lineLevel, members) => {
      output.write(`{"level":"${lineLevel}","time":"${time()}",${members}}\n`)
    },
    dropped: () => output.dropped(),
    flush: () => output.flush(),
    flushSync: () => output.flushSync(),
  }
}

interface Output extends pino.DestinationStream {
  dropped(): number
  flush(): Promise<void>
  flushSync(): void
}

function plain(destination: pino.DestinationStream): Output {
  return {
    write: (line) => destination.write(line),
    dropped: () => 0,
    flush: () => Promise.resolve(),
    flushSync: () => {},
  }
}

/** Standard output, written asynchronously in large pieces. */
function buffered(clock: Clock): Output {
  const stream = pino.destination({ dest: 1, sync: false, minLength: BUFFER_LENGTH, maxLength: MAX_UNREAD })
  let dropped = 0
  let isScheduled = false
  stream.on('drop', () => dropped++)
  // The reader of the output may exit (EPIPE); the gateway keeps serving.
  stream.on('error', () => {})
  const flush = () =>
    new Promise<void>((resolve) => {
      const stop = clock.after(FLUSH_TIMEOUT, resolve)
      stream.flush(() => {
        stop()
        resolve()
      })
    })
  return {
    write(line) {
      stream.write(line)
      if (isScheduled) return
      isScheduled = true
      clock.after(MAX_DELAY, () => {
        isScheduled = false
        void flush()
      })
    },
    dropped: () => dropped,
    flush,
    flushSync() {
      try {
        stream.flushSync()
      } catch {
        // It throws when the stream is not open yet or broken, where nothing can be written.
      }
    },
  }
}

/** Time in ISO 8601, formatted once per millisecond: formatting costs more than the rest of a line. */
function timeOf(clock: Clock): () => string {
  let at = Number.NaN
  let text = ''
  return () => {
    const now = clock.wall()
    if (now !== at) {
      at = now
      text = new Date(now).toISOString()
    }
    return text
  }
}
