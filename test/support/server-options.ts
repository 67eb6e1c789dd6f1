import { systemClock } from '../../src/domain/clock.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { ByteBudget } from '../../src/domain/limits/byte-budget.ts'
import type { Authenticator } from '../../src/domain/ports/authenticator.ts'
import { CallerCheck } from '../../src/server/bounds/caller-check.ts'
import { LostCalls } from '../../src/server/calls/lost-calls.ts'
import { endpoints } from '../../src/server/endpoints.ts'
import type { ServerOptions } from '../../src/server/server-options.ts'
import { defaultServerSettings } from '../../src/server/settings.ts'
import { HealthService } from '../../src/service/health-service.ts'
import type { Methods } from '../../src/service/method-types.ts'

/** Every request is of an admin, as without authentication. */
const everybody: Authenticator = {
  identify: () => ({ id: 'anonymous', name: 'anonymous', admin: true, anonymous: true }),
}

const missing = () => Promise.reject(new GatewayError('UNSUPPORTED', 'not part of this test'))

/** A whole gateway of which a test writes the methods that it calls. */
export function methodsOf(some: Partial<Methods>): Methods {
  return {
    chat: missing,
    streamChat: missing,
    complete: missing,
    streamComplete: missing,
    batchChat: missing,
    embed: missing,
    listModels: missing,
    health: missing,
    stats: missing,
    watchStats: missing,
    listProviders: missing,
    testProvider: missing,
    getCacheStats: missing,
    listCallerCosts: missing,
    testAlert: missing,
    listUsage: missing,
    getCostSummary: missing,
    clearCache: missing,
    resetStats: missing,
    listKeys: missing,
    ensureModel: missing,
    estimate: missing,
    listBudgets: missing,
    adjustBudget: missing,
    ...some,
  }
}

/** The options of a door on a free port of loopback. What it reports is kept in `reports`. */
export function serverOptions(some: Partial<Methods>, rest: Partial<ServerOptions> = {}) {
  const health = new HealthService()
  const reports: GatewayError[] = []
  let calls = 0
  const settings = { ...defaultServerSettings, ...rest }
  const options: ServerOptions = {
    address: '127.0.0.1:0',
    endpoints: endpoints(methodsOf(some), health),
    clock: systemClock,
    ids: () => `call-${++calls}`,
    report: (error) => reports.push(error),
    isOverloaded: () => false,
    onRefused: () => {},
    callerCheck: new CallerCheck({ authenticator: everybody, clock: systemClock }),
    uploads: new ByteBudget(settings.maxPendingBytes),
    lostCalls: new LostCalls(),
    replies: new ByteBudget(settings.maxReplyBytes),
    ...settings,
  }
  return { options, health, reports }
}
