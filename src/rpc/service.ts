import type { Call, CallContext, Caller } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/error.ts'
import type { EmbedEvent } from '../domain/events.ts'
import { createCall } from '../domain/facts.ts'
import { foldChat, foldEmbed } from '../domain/fold.ts'
import type { Handler } from '../domain/follow.ts'
import type { Breakers, Callers, Provider, StatsSource } from '../domain/ports.ts'
import type { ChatEvent, ChatRequest, EmbedRequest } from '../domain/types.ts'
import type { Methods } from './methods.ts'
import { createTestProvider, listProviders } from './views/admin.ts'
import { createCheckHealth } from './views/check-health.ts'
import { type AliasTargets, createListModels } from './views/list-models.ts'
import { createWatchStats } from './views/watch-stats.ts'

export interface ServiceDeps {
  /** The road of a chat, streamed or not. It checks the credential and the request itself. */
  readonly chat: Handler<Call<ChatRequest>, ChatEvent>
  /** The road of an embedding call. It checks the credential and the request itself. */
  readonly embed: Handler<Call<EmbedRequest>, EmbedEvent>
  readonly callers: Callers
  /** In priority order. */
  readonly providers: readonly Provider[]
  readonly aliases: readonly AliasTargets[]
  readonly stats: StatsSource
  readonly breakers: Breakers
  readonly clock: Clock
  /** Whether the gateway is shutting down. */
  readonly isDraining: () => boolean
}

/** The whole of the gateway, for every door to mount. */
export function createService(deps: ServiceDeps): Methods {
  const { chat, embed, callers, providers, aliases, stats, clock } = deps
  const anyone = authenticated(callers, () => true)
  const admin = authenticated(callers, (caller) => caller.admin)
  return {
    chat: async (request, context) => foldChat(await chat(createCall('chat', request, context))),
    streamChat: (request, context) => chat(createCall('stream_chat', request, context)),
    embed: async (request, context) => foldEmbed(await embed(createCall('embed', request, context))),
    listModels: anyone(createListModels(providers, aliases, clock)),
    health: createCheckHealth(deps),
    stats: anyone(async () => stats.snapshot()),
    watchStats: anyone(createWatchStats(stats, clock)),
    listProviders: admin(async () => listProviders(providers)),
    testProvider: admin(createTestProvider(deps)),
  }
}

type Method<I, O> = (request: I, context: CallContext) => Promise<O>

/** Puts the check of the credential before a method that does not take the road of the calls. */
function authenticated(callers: Callers, isAllowed: (caller: Caller) => boolean) {
  return <I, O>(method: Method<I, O>): Method<I, O> =>
    async (request, context) => {
      const caller = await callers.identify(context)
      context.trail.caller = caller.name
      if (!isAllowed(caller)) throw new GatewayError('ADMIN_REQUIRED', 'This method needs a credential of an admin.')
      return method(request, context)
    }
}
