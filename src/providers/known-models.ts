import { isDeepStrictEqual } from 'node:util'
import type { OperatorEvents } from '../domain/ports/operations/operator-events.ts'
import type { ModelFacts } from '../domain/ports/provider.ts'
import type { MediaInput } from '../domain/tokens/media.ts'
import type { ProviderSettings } from './define.ts'
import { capabilitiesByName, isEmbeddingModel } from './embedding-models.ts'
import { overridesFor } from './model-rules.ts'
import { outputLimit } from './output-limits.ts'
import type { PricedFacts, PriceTable } from './prices/price-table.ts'
import { remembered } from './remembered.ts'

/** Limit for the models whose last price is kept, to notice changes. */
const MAX_MODELS = 1000

/** Facts of one provider's models at one revision of the prices. */
interface Revision {
  readonly number: number
  readonly facts: (model: string) => PricedFacts
}

/** What is known of the models of one provider, without a request to the vendor. */
export class KnownModels {
  readonly #settings: ProviderSettings
  readonly #prices: PriceTable
  readonly #events: Pick<OperatorEvents, 'priceChanged'> | undefined
  /** By model, the facts that its last attempt was billed with. */
  readonly #used = new Map<string, { readonly revision: number; readonly facts: PricedFacts }>()
  #revision: Revision | undefined

  constructor(settings: ProviderSettings, prices: PriceTable, events?: Pick<OperatorEvents, 'priceChanged'>) {
    this.#settings = settings
    this.#prices = prices
    this.#events = events
  }

  facts(model: string): ModelFacts {
    return this.#current().facts(model)
  }

  /** Looks up facts as they are now, for an attempt at a model: later changes of prices do not show. */
  frozen(model: string): (model: string) => ModelFacts {
    const revision = this.#current()
    if (this.#used.get(model)?.revision !== revision.number) this.#use(model, revision)
    return revision.facts
  }

  #current(): Revision {
    const { revision: number } = this.#prices
    if (this.#revision?.number === number) return this.#revision
    const moment = this.#prices.moment()
    const facts = remembered((model) => {
      const { kind, name, options } = this.#settings
      const provider = { name, pricesId: kind.prices, local: kind.local ?? false }
      const known = this.#prices.facts(provider, model, moment)
      // By its name, else by that of the model behind it.
      const behind = kind.models?.modelOf?.(model, options) ?? model
      const priced = known.price || behind === model ? known : this.#prices.facts(provider, behind, moment)
      return {
        maxOutput: outputLimit(behind),
        ...priced,
        ...ruledFacts(this.#settings, model),
        ...(kind.mediaTokens && { mediaTokens: (media: MediaInput) => kind.mediaTokens?.(media, behind) }),
        completes: completesTexts(this.#settings, model),
      }
    })
    this.#revision = { number, facts }
    return this.#revision
  }

  /** Reports a price that is another than that of the last attempt. */
  #use(model: string, revision: Revision): void {
    const facts = revision.facts(model)
    const before = this.#used.get(model)?.facts
    if (this.#used.size >= MAX_MODELS) this.#used.clear()
    this.#used.set(model, { revision: revision.number, facts })
    if (!before || isDeepStrictEqual(before.rates, facts.rates)) return
    this.#events?.priceChanged({
      provider: this.#settings.name,
      model,
      before: before.price?.list,
      after: facts.price?.list,
    })
  }
}

/** What the vendor's table knows of the model. */
function ruledFacts({ kind, options }: ProviderSettings, model: string): ModelFacts {
  const { lacks, contextWindow, hiddenReasoning } = kind.models?.rulesOf(model, options) ?? {}
  const offered = lacks ? kind.capabilities.filter((capability) => !lacks.includes(capability)) : kind.capabilities
  const capabilities = capabilitiesByName(model, offered) ?? (lacks && offered)
  return {
    ...(capabilities && { capabilities }),
    ...(contextWindow !== undefined && { contextWindow }),
    ...(hiddenReasoning && { hiddenReasoning }),
  }
}

function completesTexts({ kind, options, models = [] }: ProviderSettings, model: string): boolean {
  if (isEmbeddingModel(model)) return false
  return kind.wire?.complete?.takes({ model, options, overrides: overridesFor(models, model) }) ?? false
}
