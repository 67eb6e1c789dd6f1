import { getCurrentTest } from 'vitest/suite'

/**
 * Settles once `check` neither throws nor returns false. Looks again and again, and gives up only when the test's own
 * timeout ends it.
 */
export async function eventually(check: () => unknown): Promise<void> {
  const signal = getCurrentTest()?.context.signal
  for (;;) {
    try {
      if ((await check()) !== false) return
    } catch (error) {
      if (signal?.aborted) throw error
    }
    signal?.throwIfAborted()
    // Lets everything else run; the length decides nothing.
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
