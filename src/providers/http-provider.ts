import { Cancellation } from '../domain/cancellation.ts'
import type { Provider } from '../domain/ports.ts'
import { askChat } from './chat.ts'
import type { Connection } from './connection.ts'
import { askEmbed } from './embed.ts'
import { fetchJson } from './fetch-json.ts'
import { otherNames } from './names.ts'

/** A provider whose wire is spoken over HTTP. */
export function createHttpProvider(connection: Connection): Provider {
  const { settings, wire, catalogue } = connection
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
    keyIds: connection.keyIds,
    chat: async (ask) => askChat(connection, ask),
    embed: async (ask) => askEmbed(connection, ask),
    async listModels(timeout) {
      const request = connection.request('GET', wire.models.request(settings.options))
      const { body } = await fetchJson(connection, request, { model: '*', timeout, cancellation: new Cancellation() })
      return wire.models.decode(body)
    },
    catalogue: () => catalogue.ids(),
    describe: (model) => catalogue.facts(model),
    close: () => connection.upstream.close(),
  }
}
