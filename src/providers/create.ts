import type { Clock } from '../domain/clock.ts'
import type { UpstreamMessageAudience } from '../domain/errors/upstream-messages.ts'
import type { ByteBudget } from '../domain/limits/byte-budget.ts'
import type { OperatorEvents } from '../domain/ports/operations/operator-events.ts'
import type { Provider } from '../domain/ports/provider.ts'
import type { ProviderSettings } from './define.ts'
import { Connection } from './http/connection.ts'
import { createHttpClient } from './http/http-client.ts'
import { createHttpProvider } from './http-provider.ts'
import { KnownModels } from './known-models.ts'
import { overridesFor } from './model-rules.ts'
import type { PriceTable } from './prices/price-table.ts'
import { remembered } from './remembered.ts'
import type { ProxySettings } from './settings.ts'

export interface ProviderTools {
  readonly clock: Clock
  readonly proxy: ProxySettings
  readonly prices: PriceTable
  /** Bounds the replies of all providers together. */
  readonly replies: ByteBudget
  /** Who may read the messages of vendors' errors. */
  readonly upstreamMessages: UpstreamMessageAudience
  readonly events?: Pick<OperatorEvents, 'keyChanged' | 'priceChanged'>
}

/** Creates a configured provider. */
export function createProvider(settings: ProviderSettings, tools: ProviderTools): Provider {
  const { clock, proxy, prices, replies, upstreamMessages, events } = tools
  const { kind, timeout } = settings
  const known = new KnownModels(settings, prices, events)
  if (kind.create) return kind.create(settings, clock, known)
  if (!kind.wire) throw new Error(`the kind ${kind.kind} has neither a wire nor a way to make a provider`)
  const upstream = createHttpClient({ clock, connectTimeout: timeout.connect, proxy })
  const catalogue = {
    facts: (model: string) => known.facts(model),
    frozen: (model: string) => known.frozen(model),
    overrides: remembered((model) => overridesFor(settings.models ?? [], model)),
    ids: () => prices.catalogue(kind.prices),
  }
  const connection = new Connection(settings, kind.wire, upstream, clock, catalogue, replies, upstreamMessages)
  return createHttpProvider(connection, events)
}
