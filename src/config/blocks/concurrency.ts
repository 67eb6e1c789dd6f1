import type { ConcurrencyLimit } from '../../providers/define.ts'
import { DEFAULT_QUEUE } from '../../providers/settings.ts'
import { type Findings, pathText } from '../findings.ts'

/** The limit from `max_concurrent` and `max_queue` in the block at `path`. */
export function concurrencyOf(
  block: { readonly max_concurrent?: number | undefined; readonly max_queue?: number | undefined },
  path: readonly string[],
  findings: Findings,
): { readonly concurrency?: ConcurrencyLimit } {
  const { max_concurrent: most, max_queue: queue = DEFAULT_QUEUE } = block
  if (most !== undefined) return { concurrency: { most, queue } }
  if (block.max_queue !== undefined) {
    findings.notice(`${pathText([...path, 'max_queue'])} has no effect without max_concurrent.`)
  }
  return {}
}
