import { create } from '@bufbuild/protobuf'
import type { Config } from '../config/config.ts'
import { operations } from '../domain/calls/operations.ts'
import type { Clock } from '../domain/clock.ts'
import type { Provider } from '../domain/ports/provider.ts'
import { ChatRequestSchema } from '../domain/types.ts'
import type { Log } from '../telemetry/log/log.ts'
import type { Parts } from './build.ts'

/** Wait before a failed pull is tried again, in ms; it doubles up to the limit. */
const FIRST_WAIT = 5_000
const MAX_WAIT = 300_000

interface Tools {
  readonly clock: Clock
  readonly log: Log
  /** Whether nothing new is to be begun. */
  readonly isEnding: () => boolean
}

/** Pulls the models of the aliases that ask for it, and waits for none of them. */
export function ensureModels(
  { models }: Config,
  { planner, pulls }: Pick<Parts, 'planner' | 'pulls'>,
  tools: Tools,
): void {
  for (const { name, ensure } of models) {
    if (!ensure) continue
    const request = create(ChatRequestSchema, { model: name })
    const question = { operation: 'chat', request, wishes: operations.chat.wishes(request) } as const
    for (const { provider, model } of planner.targetsFor(question)) {
      if (provider.puller) ensureModel(pulls, provider, model, tools)
    }
  }
}

/** A server may start later than the gateway: what may pass is tried again. */
function ensureModel(pulls: Parts['pulls'], provider: Provider, model: string, tools: Tools, wait = FIRST_WAIT): void {
  const { clock, log, isEnding } = tools
  if (isEnding()) return
  const at = { provider: provider.name, model }
  pulls.ensure(provider, model, {
    progress() {},
    end(error) {
      if (!error) {
        log.info('the model is available', at)
        return
      }
      const again = error.code === 'UNAVAILABLE' && error.reason !== 'DRAINING'
      log.warn('the model is not available', {
        ...at,
        reason: error.reason,
        problem: error.message,
        ...(again && { retry_in_ms: wait }),
      })
      if (again) clock.after(wait, () => ensureModel(pulls, provider, model, tools, Math.min(2 * wait, MAX_WAIT)))
    },
  })
}
