import { invalid } from '../../../domain/errors/error.ts'
import type { Provider } from '../../../domain/ports/provider.ts'
import { EventStream } from '../../../domain/streams/event-stream.ts'
import type { EnsureModelProgress, EnsureModelRequest } from '../../../domain/types.ts'
import type { StreamMethod } from '../../method-types.ts'
import type { ModelPulls } from '../../pulls/model-pulls.ts'
import { MAX_ID_LENGTH } from '../../validate/id.ts'
import { longerThan } from '../../validate/violations.ts'
import { findProvider } from './find-provider.ts'

/** Reports how a model becomes available. A reader that is full receives the latest state once it has room. */
export function createEnsureModel(
  providers: readonly Provider[],
  pulls: ModelPulls,
): StreamMethod<EnsureModelRequest, EnsureModelProgress> {
  return async (request, { cancellation }) => {
    if (request.provider === '') throw invalid('provider', 'is required')
    const provider = findProvider(providers, request.provider)
    const model = modelOf(request, provider)
    cancellation.throwIfCancelled()
    let isFull = false
    let missed: EnsureModelProgress | undefined
    let leave = () => {}
    const events = new EventStream<EnsureModelProgress>(cancellation, {
      pause() {
        isFull = true
      },
      resume() {
        isFull = false
        pushMissed()
      },
      cancel: () => leave(),
    })
    function pushMissed(): void {
      const latest = missed
      missed = undefined
      if (latest) events.push(latest)
    }
    leave = pulls.ensure(provider, model, {
      progress(progress) {
        if (isFull) missed = progress
        else events.push(progress)
      },
      end(error) {
        pushMissed()
        events.end(error)
      },
    })
    return events
  }
}

function modelOf({ model }: EnsureModelRequest, provider: Provider): string {
  if (longerThan(MAX_ID_LENGTH, model)) throw invalid('model', `must not exceed ${MAX_ID_LENGTH} bytes`)
  if (/[\p{Cc}\s]/u.test(model)) throw invalid('model', 'must not contain spaces or control characters')
  const names = [provider.name, ...(provider.alsoKnownAs ?? [])]
  const named = names.find((name) => model.startsWith(`${name}/`))
  const id = (named === undefined ? model : model.slice(named.length + 1)) || provider.defaultModel
  if (id) return id
  throw invalid('model', `is required: ${provider.name} has no default model`)
}
