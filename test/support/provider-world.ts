import type { CallContext } from '../../src/domain/calls/call.ts'
import type { Clock } from '../../src/domain/clock.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import type { Authenticator } from '../../src/domain/ports/authenticator.ts'
import type { LastAttempt, StatsSource } from '../../src/domain/ports/operations/stats.ts'
import type { Provider } from '../../src/domain/ports/provider.ts'
import { Capability, type StatsResponse } from '../../src/domain/types.ts'
import { callerNamed } from './caller.ts'
import { testContext } from './test-gateway.ts'

export function contextFor(clock: Clock, credential: string | undefined = 'Bearer user'): CallContext {
  return testContext(clock, { requestId: 'request-1', credential })
}

/** Knows `Bearer user` and `Bearer admin`. */
export const callers: Authenticator = {
  identify({ credential }) {
    if (credential === 'Bearer admin') return callerNamed('operator', { admin: true })
    if (credential === 'Bearer user') return callerNamed('web')
    throw new GatewayError('UNAUTHENTICATED', 'The credential is missing or not valid.')
  },
}

/** A provider that lists `m1`, and what it is told to. It counts how often it is asked for its list. */
export function providerNamed(name: string, facts: Partial<Provider> = {}): Provider & { readonly asked: number } {
  let asked = 0
  const list = facts.listModels ?? (async () => ['m1'])
  const unused = async () => {
    throw new Error('not asked here')
  }
  return {
    name,
    kind: 'kind-of-test',
    baseUrl: `http://${name}.test/v1`,
    genAiName: 'kind-of-test',
    defaultModel: undefined,
    defaultEmbedModel: undefined,
    capabilities: [Capability.CHAT],
    keyIds: [],
    chat: unused,
    complete: unused,
    embed: unused,
    catalogue: () => [],
    describe: () => ({}),
    close: async () => {},
    ...facts,
    get asked() {
      return asked
    },
    listModels(timeout) {
      asked++
      return list(timeout)
    },
  }
}

export const noStats: StatsResponse = {
  $typeName: 'llmgateway.v1.StatsResponse',
  totalRequests: 0n,
  totalErrors: 0n,
  totalFallbacks: 0n,
  errorRate: 0,
  providers: {},
  models: {},
  components: [],
  budgets: [],
  safetyLocks: {},
}

/** Each snapshot counts one request more. */
export function statsWith(attempts: Readonly<Record<string, LastAttempt>> = {}): StatsSource {
  let requests = 0n
  return {
    reset() {
      requests = 0n
    },
    snapshot: () => ({ ...noStats, totalRequests: ++requests }),
    lastAttempt: (provider) => attempts[provider],
  }
}
