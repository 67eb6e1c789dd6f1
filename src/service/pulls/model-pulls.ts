import type { Clock } from '../../domain/clock.ts'
import { GatewayError, unsupported } from '../../domain/errors/error.ts'
import type { ModelPuller } from '../../domain/ports/model-puller.ts'
import type { Provider } from '../../domain/ports/provider.ts'
import { type EnsureModelProgress, EnsureModelState } from '../../domain/types.ts'

/** Limit for the time of a request for the list of models, in ms. */
const LIST_TIMEOUT = 10_000

/** Somebody who waits for a model. */
export interface PullWatcher {
  progress(progress: EnsureModelProgress): void
  /** Called once, unless the watcher leaves first. Without an error the model is there. */
  end(error?: GatewayError): void
}

/** The downloads of models that are under way: one for each model, however many wait for it. */
export class ModelPulls {
  readonly #clock: Clock
  readonly #running = new Map<string, SharedPull>()
  readonly #listeners: ((provider: Provider) => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `listener` whenever a provider has a model more. */
  onPulled(listener: (provider: Provider) => void): void {
    this.#listeners.push(listener)
  }

  /**
   * Makes a model available. The returned function leaves; the last to leave stops the download. Throws UNSUPPORTED for
   * a provider that cannot download models.
   */
  ensure(provider: Provider, model: string, watcher: PullWatcher): () => void {
    const { puller } = provider
    if (!puller) throw unsupported('provider', `${provider.name} cannot pull models`)
    const key = `${provider.name}/${puller.canonical(model)}`
    let pull = this.#running.get(key)
    if (!pull) {
      pull = new SharedPull(provider, puller, model, (pulled) => {
        this.#running.delete(key)
        if (pulled) for (const listener of this.#listeners) listener(provider)
      })
      this.#running.set(key, pull)
      // Not at once: the watcher may still be about to be set up.
      this.#clock.after(0, pull.start)
    }
    return pull.watch(watcher)
  }

  /** Ends all downloads, because the gateway stops. */
  close(): void {
    for (const pull of [...this.#running.values()]) {
      pull.end(new GatewayError('DRAINING', 'The gateway is shutting down. What was pulled is kept.'))
    }
  }
}

/** One download and everybody who waits for it. */
class SharedPull {
  readonly #provider: Provider
  readonly #puller: ModelPuller
  readonly #model: string
  readonly #over: (pulled: boolean) => void
  readonly #watchers = new Set<PullWatcher>()
  #last: EnsureModelProgress
  #isOver = false
  #stop: (() => void) | undefined

  constructor(provider: Provider, puller: ModelPuller, model: string, over: (pulled: boolean) => void) {
    this.#provider = provider
    this.#puller = puller
    this.#model = model
    this.#over = over
    this.#last = progressOf(EnsureModelState.STARTING, 'looking for the model', 0)
  }

  watch(watcher: PullWatcher): () => void {
    this.#watchers.add(watcher)
    watcher.progress(this.#last)
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size === 0 && !this.#isOver) this.#finish(false)
    }
  }

  readonly start = async (): Promise<void> => {
    const isThere = await this.#isListed()
    if (this.#isOver) return
    if (isThere) this.#ready('already there', false)
    else this.#pull()
  }

  /** Where the list cannot be read, the pull says what is wrong. */
  async #isListed(): Promise<boolean> {
    const wanted = this.#puller.canonical(this.#model)
    try {
      const listed = await this.#provider.listModels(LIST_TIMEOUT)
      return listed.some((id) => this.#puller.canonical(id) === wanted)
    } catch {
      return false
    }
  }

  end(error: GatewayError): void {
    if (this.#isOver) return
    this.#finish(false)
    for (const watcher of this.#watchers) watcher.end(error)
  }

  #pull(): void {
    this.#stop = this.#puller.pull(this.#model, {
      progress: (progress) => this.#report(progress),
      end: (error) => {
        if (error) this.end(error)
        else this.#ready('success', true)
      },
    })
    if (this.#isOver) this.#stop()
  }

  #ready(status: string, pulled: boolean): void {
    if (this.#isOver) return
    const { totalBytes } = this.#last
    this.#report({ ...progressOf(EnsureModelState.READY, status, 100), doneBytes: totalBytes, totalBytes })
    this.#finish(pulled)
    for (const watcher of this.#watchers) watcher.end()
  }

  #report(progress: EnsureModelProgress): void {
    this.#last = progress
    for (const watcher of this.#watchers) watcher.progress(progress)
  }

  #finish(pulled: boolean): void {
    this.#isOver = true
    this.#stop?.()
    this.#over(pulled)
  }
}

function progressOf(state: EnsureModelState, status: string, percent: number): EnsureModelProgress {
  const bytes = { doneBytes: 0n, totalBytes: 0n }
  return { $typeName: 'llmgateway.v1.EnsureModelProgress', state, status, ...bytes, percent }
}
