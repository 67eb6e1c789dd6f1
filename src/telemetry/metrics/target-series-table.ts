import type { LastAttempt } from '../../domain/ports/operations/stats.ts'
import type { Provider } from '../../domain/ports/provider.ts'
import { other } from '../names.ts'
import type { Metrics } from './metrics.ts'
import { TargetSeries } from './target-series.ts'

/** What telemetry needs to know about a configured provider. */
export type ObservedProvider = Pick<
  Provider,
  'name' | 'genAiName' | 'baseUrl' | 'defaultModel' | 'defaultEmbedModel' | 'catalogue' | 'keys'
>

/** Label of the provider and the model of a call that reached none. */
const none = 'none'

const MAX_MODELS = 1000

interface ProviderSeries {
  readonly name: string
  readonly genAiName: string
  /** A map, because callers choose the names: an object would also find what it inherits. */
  readonly models: Map<string, TargetSeries>
  /** All models that may not become labels. */
  rest: TargetSeries | undefined
  /** Models that are known before their first response. */
  readonly known: ReadonlySet<string>
  last: LastAttempt | undefined
}

/**
 * Counts of each provider and model. Callers choose the names of models, so labels must not grow with what they ask for:
 * a model gets its own label once it is known from the configuration or the provider's catalogue, or has answered, and
 * only the first 1,000 do. All others share the label `other`.
 */
export class TargetSeriesTable {
  readonly #metrics: Metrics
  readonly #providers = new Map<string, ProviderSeries>()
  readonly #other: ProviderSeries
  readonly #onAttempt: ((provider: string, ok: boolean) => void) | undefined
  #models = 0
  /** For calls that reached no provider. */
  readonly none: TargetSeries

  /**
   * `targets` are the configured targets, as `provider/model`. `onAttempt` is called for each attempt that shows how its
   * provider works.
   */
  constructor(
    metrics: Metrics,
    providers: readonly ObservedProvider[],
    targets: readonly string[],
    onAttempt?: (provider: string, ok: boolean) => void,
  ) {
    this.#metrics = metrics
    this.#onAttempt = onAttempt
    this.#other = {
      name: other,
      genAiName: other,
      models: new Map(),
      rest: undefined,
      known: new Set(),
      last: undefined,
    }
    this.none = new TargetSeries(metrics, none, none, none)
    for (const provider of providers) {
      const { name, genAiName, defaultModel, defaultEmbedModel } = provider
      const known = new Set(provider.catalogue())
      for (const model of [defaultModel, defaultEmbedModel]) if (model !== undefined) known.add(model)
      for (const target of targets) if (target.startsWith(`${name}/`)) known.add(target.slice(name.length + 1))
      this.#providers.set(name, { name, genAiName, models: new Map(), rest: undefined, known, last: undefined })
    }
  }

  /** The series of a provider's model. `answered`: whether the model exists for sure. */
  find(provider: string, model: string, answered: boolean): TargetSeries {
    const entry = this.#providers.get(provider) ?? this.#other
    const found = entry.models.get(model)
    if (found) return found
    if ((answered || entry.known.has(model)) && entry !== this.#other && this.#models < MAX_MODELS) {
      this.#models++
      const series = new TargetSeries(this.#metrics, entry.name, model, entry.genAiName)
      entry.models.set(model, series)
      return series
    }
    entry.rest ??= new TargetSeries(this.#metrics, entry.name, other, entry.genAiName)
    return entry.rest
  }

  remember(provider: string, last: LastAttempt): void {
    const entry = this.#providers.get(provider)
    if (!entry) return
    entry.last = last
    this.#onAttempt?.(provider, last.ok)
  }

  lastAttempt(provider: string): LastAttempt | undefined {
    return this.#providers.get(provider)?.last
  }

  /** The names of the configured providers. */
  get providers(): Iterable<string> {
    return this.#providers.keys()
  }

  /** All series with attempts. */
  *all(): Iterable<TargetSeries> {
    for (const entry of [...this.#providers.values(), this.#other]) {
      yield* entry.models.values()
      if (entry.rest) yield entry.rest
    }
  }
}
