import type { Clock } from '../domain/clock.ts'
import type { UpstreamMessageAudience } from '../domain/errors/upstream-messages.ts'
import type { OperatorEvents } from '../domain/ports/operator-events.ts'
import type { ModelFacts, Provider } from '../domain/ports/provider.ts'
import type { ProviderSettings } from './define.ts'
import { Connection } from './http/connection.ts'
import { createHttpClient } from './http/http-client.ts'
import type { ReplyBudget } from './http/reply-budget.ts'
import { createHttpProvider } from './http-provider.ts'
import { overridesFor } from './model-rules.ts'
import type { PriceTable } from './prices/price-table.ts'
import type { ProxySettings } from './settings.ts'

export interface ProviderTools {
  readonly clock: Clock
  readonly proxy: ProxySettings
  readonly prices: PriceTable
  /** Bounds the replies of all providers together. */
  readonly replies: ReplyBudget
  /** Who may read the messages of vendors' errors. */
  readonly upstreamMessages: UpstreamMessageAudience
  readonly events?: Pick<OperatorEvents, 'keyChanged'>
}

/** Creates a configured provider. */
export function createProvider(settings: ProviderSettings, tools: ProviderTools): Provider {
  const { clock, proxy, prices, replies, upstreamMessages, events } = tools
  const { kind, timeout } = settings
  if (kind.create) return kind.create(settings, clock)
  if (!kind.wire) throw new Error(`the kind ${kind.kind} has neither a wire nor a way to make a provider`)
  const upstream = createHttpClient({ clock, connectTimeout: timeout.connect, proxy })
  const catalogue = {
    facts: remembered((model) => ({
      ...pricedFacts(settings, prices, model),
      ...capabilitiesOf(settings, model),
    })),
    overrides: remembered((model) => overridesFor(settings.models ?? [], model)),
    ids: () => prices.catalogue(kind.prices),
  }
  const connection = new Connection(settings, kind.wire, upstream, clock, catalogue, replies, upstreamMessages)
  return createHttpProvider(connection, events)
}

/** What is known of the price of a model: by its name, else by that of the model behind it. */
function pricedFacts({ kind, name, options }: ProviderSettings, prices: PriceTable, model: string): ModelFacts {
  const facts = prices.facts(kind.prices, kind.local ?? false, name, model)
  const behind = kind.models?.modelOf?.(model, options) ?? model
  return facts.price || behind === model ? facts : prices.facts(kind.prices, kind.local ?? false, name, behind)
}

/** What the vendor's table knows that the model cannot do. */
function capabilitiesOf({ kind, options }: ProviderSettings, model: string): Pick<ModelFacts, 'capabilities'> {
  const lacks = kind.models?.rulesOf(model, options).lacks
  return lacks ? { capabilities: kind.capabilities.filter((capability) => !lacks.includes(capability)) } : {}
}

/** Callers choose the names of models, so only this many are remembered. */
const MAX_MODELS = 1000

function remembered<T>(look: (model: string) => T): (model: string) => T {
  const known = new Map<string, T>()
  return (model) => {
    const remembered = known.get(model)
    if (remembered !== undefined) return remembered
    const found = look(model)
    if (known.size >= MAX_MODELS) known.clear()
    known.set(model, found)
    return found
  }
}
