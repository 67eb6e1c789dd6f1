import { Cancellation } from '../domain/cancellation.ts'
import type { OperatorEvents } from '../domain/ports/operations/operator-events.ts'
import type { Provider } from '../domain/ports/provider.ts'
import { ProviderKeyPool } from './credentials/key-pool.ts'
import { askChat } from './http/ask-chat.ts'
import { askComplete } from './http/ask-complete.ts'
import { askEmbed } from './http/ask-embed.ts'
import type { Connection } from './http/connection.ts'
import { countTokens } from './http/count-tokens.ts'
import { fetchJson } from './http/fetch-json.ts'
import { optionsFor, otherNames } from './names.ts'
import { createPuller } from './pulls/pull.ts'

/** Time that listing the models may take when a quarantined key is probed, in ms. */
const PROBE_TIMEOUT = 10_000

/** Creates a provider from a wire over HTTP. */
export function createHttpProvider(connection: Connection, events?: Pick<OperatorEvents, 'keyChanged'>): Provider {
  const { settings, wire, catalogue } = connection
  const listModels = async (timeout: number, keyId: string) => {
    const request = connection.request('GET', wire.models.request(settings.options), keyId)
    const { body } = await fetchJson(connection, request, { model: '*', timeout, cancellation: new Cancellation() })
    return wire.models.decode(body)
  }
  const keys = new ProviderKeyPool({
    provider: settings.name,
    keyIds: connection.keyIds.length > 0 ? connection.keyIds : [''],
    clock: connection.clock,
    ...(settings.kind.probe && { proves: settings.kind.probe }),
    probe: (keyId) => listModels(PROBE_TIMEOUT, keyId),
    ...(events && { events }),
  })
  return {
    name: settings.name,
    alsoKnownAs: otherNames(settings.name, settings.kind),
    kind: settings.kind.kind,
    baseUrl: settings.baseUrl,
    genAiName: settings.kind.genAiName ?? settings.kind.kind,
    defaultModel: settings.defaultModel,
    defaultEmbedModel: settings.defaultEmbedModel,
    capabilities: settings.kind.capabilities,
    local: settings.kind.local ?? false,
    assumed: settings.assumed ?? false,
    onCancel: settings.kind.onCancel ?? 'stops',
    streamsUnary: settings.streamUnary,
    keyIds: connection.keyIds,
    keys,
    chat: (ask) => askChat(connection, ask),
    complete: (ask) => askComplete(connection, ask),
    embed: (ask) => askEmbed(connection, ask),
    listModels(timeout) {
      const inUse = keys.list().find(({ state }) => state !== 'quarantined')
      return listModels(timeout, inUse?.keyId ?? '')
    },
    countTokens(request, target, options) {
      const inUse = keys.list().find(({ state }) => state !== 'quarantined')
      return countTokens(connection, request, target, options, inUse?.keyId ?? '')
    },
    catalogue: () => catalogue.ids(),
    describe: (model) => catalogue.facts(model),
    windowFor: (request) => settings.kind.windowIn?.(optionsFor(settings, request)),
    ...(wire.pull && { puller: createPuller(connection, wire.pull) }),
    close() {
      keys.close()
      return connection.upstream.close()
    },
  }
}
