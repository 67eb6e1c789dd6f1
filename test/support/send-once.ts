import { systemClock } from '../../src/domain/clock.ts'
import { createHttpClient } from '../../src/providers/http/http-client.ts'

/** Sends one GET as the gateway would, and prints the status or the error's code. For tests of process-wide settings. */
const url = new URL(process.argv[2] ?? '')
const upstream = createHttpClient({ clock: systemClock, connectTimeout: 3_000, proxy: {} })
upstream.send(
  { method: 'GET', origin: url.origin, path: url.pathname, headers: {} },
  {
    sent() {},
    start: (status) => print(String(status)),
    data() {},
    end() {},
    fail: (error) => print('code' in error ? String(error.code) : error.message),
  },
)

function print(text: string): void {
  process.stdout.write(text, () => process.exit(0))
}
