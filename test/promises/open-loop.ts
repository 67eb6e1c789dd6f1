import { setTimeout as pause } from 'node:timers/promises'

/** Makes so many calls a second, none of which waits for those before it. */
export interface Load {
  /** Makes no further calls. Settles when all have ended. */
  stop(): Promise<void>
}

/** In ms. A caller that was held up for longer makes fewer calls, and not all that it has missed at once. */
const MAX_STEP = 100

/** `call` must not reject. */
export function startLoad(rate: number, call: (index: number) => Promise<void>): Load {
  const open = new Set<Promise<void>>()
  let last = performance.now()
  let due = 0
  let made = 0
  const timer = setInterval(() => {
    const now = performance.now()
    due += (Math.min(now - last, MAX_STEP) / 1_000) * rate
    last = now
    while (made < Math.floor(due)) {
      const ended = call(made++).finally(() => open.delete(ended))
      open.add(ended)
    }
  }, 5)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
    },
  }
}

/** Makes so many calls a second for so long, and settles when all have ended. */
export async function openLoop(rate: number, seconds: number, call: () => Promise<void>): Promise<void> {
  const load = startLoad(rate, call)
  await pause(seconds * 1_000)
  await load.stop()
}
