import pino from 'pino'
import type { Clock } from '../../domain/clock.ts'
import { describeCause } from './cause.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** What a line says beside its message. Never a key, a prompt, a header or a body. */
export type Fields = Readonly<Record<string, unknown>>

/** One JSON object a line. */
export interface Log {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
  /** A failure of this program, with where it was thrown. */
  failure(message: string, thrown: unknown, fields?: Fields): void
  writes(level: Level): boolean
  /** A line that is JSON already, with the members after `level` and `time`: `"key":value,...`. */
  line(level: Level, members: string): void
  /** Lines that were lost because nobody took them in time. */
  dropped(): number
  /** Settles when everything was handed to the system, or after a second when nobody takes it. Never rejects. */
  flush(): Promise<void>
  /** The same at once, for the moment before the process dies. */
  flushSync(): void
}

export interface LogOptions {
  readonly clock: Clock
  /** The least level that is written; `silent` writes nothing. Default `info`. */
  readonly level?: Level | 'trace' | 'fatal' | 'silent'
  /** Default: standard output. */
  readonly destination?: pino.DestinationStream
}

/** Lines are gathered up to this many bytes before they are written ... */
const gathered = 8192
/** ... or for this long, in ms. */
const patience = 200
/** The most time for a flush, in ms. */
const longestFlush = 1000
/** Beyond this many bytes that nobody takes, lines are dropped: a stalled reader must not fill the memory. */
const mostWaiting = 16 * 1024 * 1024

export function createLog({ clock, level = 'info', destination }: LogOptions): Log {
  const output = destination ? plain(destination) : gathering(clock)
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
    writes: (wanted) => logger.isLevelEnabled(wanted),
    line: (of, members) => {
      output.write(`{"level":"${of}","time":"${time()}",${members}}\n`)
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

/** Standard output, written to in large pieces without waiting. */
function gathering(clock: Clock): Output {
  const stream = pino.destination({ dest: 1, sync: false, minLength: gathered, maxLength: mostWaiting })
  let dropped = 0
  let waits = false
  stream.on('drop', () => dropped++)
  // Whoever read the output is gone (EPIPE): no reason to stop serving.
  stream.on('error', () => {})
  const flush = () =>
    new Promise<void>((resolve) => {
      const stop = clock.after(longestFlush, resolve)
      stream.flush(() => {
        stop()
        resolve()
      })
    })
  return {
    write(line) {
      stream.write(line)
      if (waits) return
      waits = true
      clock.after(patience, () => {
        waits = false
        void flush()
      })
    },
    dropped: () => dropped,
    flush,
    flushSync() {
      try {
        stream.flushSync()
      } catch {
        // It throws when the stream is not open yet or broken; there is nobody left to tell.
      }
    },
  }
}

/** The time in ISO 8601. Many lines fall into one millisecond, and formatting it costs more than the rest of a line. */
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
