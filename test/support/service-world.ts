import type { CallContext } from '../../src/domain/calls/call.ts'
import { systemClock } from '../../src/domain/clock.ts'
import type { Provider } from '../../src/domain/ports/provider.ts'
import { Circuits } from '../../src/policies/breaker/circuits.ts'
import type { ProviderKind, ProviderSettings } from '../../src/providers/define.ts'
import { KnownModels } from '../../src/providers/known-models.ts'
import { PriceTable } from '../../src/providers/prices/price-table.ts'
import { simulator } from '../../src/providers/vendors/simulator/kind.ts'
import type { Methods } from '../../src/service/method-types.ts'
import { ModelPulls } from '../../src/service/pulls/model-pulls.ts'
import { createService } from '../../src/service/service.ts'
import { validateChat, validateComplete, validateEmbed } from '../../src/service/validate/validate.ts'
import { callers, contextFor, statsWith } from './provider-world.ts'
import { createTestGateway } from './test-gateway.ts'

/** A simulator as it is configured, with what a test wants to be different. */
export function simulated(name: string, facts: Partial<Provider> = {}): Provider {
  const kind: ProviderKind = simulator
  const settings: ProviderSettings = {
    name,
    kind,
    baseUrl: 'simulator:',
    keys: [],
    defaultModel: simulator.defaultModel,
    defaultEmbedModel: simulator.defaultEmbedModel,
    headers: {},
    timeout: { connect: 3_000, firstToken: 120_000, idle: 60_000, total: 600_000 },
    streamUnary: false,
    options: {},
  }
  const prices = new PriceTable({ clock: systemClock })
  const provider = kind.create?.(settings, systemClock, new KnownModels(settings, prices))
  if (!provider) throw new Error('the simulator makes its provider itself')
  return { ...provider, ...facts }
}

/** The real service over the real chain, in front of simulators. */
export function serviceOver(...providers: Provider[]): Methods {
  const circuits = new Circuits(systemClock)
  const gateway = createTestGateway(systemClock, providers, {
    authenticator: callers,
    circuits,
    validate: { chat: validateChat, complete: validateComplete, embed: validateEmbed },
  })
  return createService({
    ...gateway,
    batches: { parallel: 8, parallelPerCaller: 8, maxItemDuration: 600_000, maxResultBytes: 1 << 24, report() {} },
    authenticator: callers,
    providers,
    aliases: [],
    stats: statsWith(),
    alerts: { test: async () => [] },
    cache: undefined,
    components: () => [],
    events: { adminCall() {} },
    breakers: circuits,
    pulls: new ModelPulls(systemClock),
    clock: systemClock,
    isDraining: () => false,
  })
}

export function contextOf(credential?: string): CallContext {
  return contextFor(systemClock, credential)
}
