import { z } from 'zod'
import { Capability } from '../../../domain/types.ts'
import type { ProviderKind } from '../../define.ts'
import type { ModelRules } from '../../model-rules.ts'
import { givenOptions } from './options.ts'
import { ollamaWire } from './wire.ts'

const { CHAT, EMBED, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING, IMAGE_INPUT } = Capability

const PORT = '11434'

export const ollama: ProviderKind = {
  kind: 'ollama',
  baseUrlEndings: /\/(v1|api)(\/(chat|generate|embed|embeddings|tags|models|completions|chat\/completions))?$/,
  wire: ollamaWire,
  baseUrl: `http://localhost:${PORT}`,
  readAddress,
  // For Ollama's cloud, or a proxy in front of a server. https://docs.ollama.com/cloud
  key: { name: 'authorization', prefix: 'Bearer ' },
  keyOptional: true,
  // Ollama's cloud lists models without a key.
  probe: 'nothing',
  environment: {
    keys: ['OLLAMA_API_KEY'],
    baseUrl: ['OLLAMA_BASE_URL', 'OLLAMA_HOST'],
    defaultModel: ['OLLAMA_MODEL'],
  },
  local: true,
  assumed: true,
  capabilities: [CHAT, EMBED, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING, IMAGE_INPUT],
  options: {
    // Ollama's default silently truncates conversations after a few thousand tokens.
    num_ctx: z.int().positive().optional(),
    // A duration such as "5m", or seconds; negative means forever.
    keep_alive: z.union([z.string().min(1), z.number()]).optional(),
  },
  windowIn,
  models: { rulesOf: (_model, options) => windowOf(options), settable: ['batchInputs', 'batchTokens', 'completions'] },
  defaultModel: 'llama3.2',
  defaultEmbedModel: 'nomic-embed-text',
}

/** The server cuts off what does not fit into this. */
function windowOf({ num_ctx }: Readonly<Record<string, unknown>>): ModelRules {
  return typeof num_ctx === 'number' ? { contextWindow: num_ctx } : {}
}

/** Where a call's own options have it, the server uses that instead. */
function windowIn(extra: Readonly<Record<string, unknown>>): number | undefined {
  const { num_ctx } = givenOptions(extra)
  return typeof num_ctx === 'number' && Number.isInteger(num_ctx) && num_ctx > 0 ? num_ctx : undefined
}

/**
 * OLLAMA_HOST is the address that the server listens on, which may differ from the one to reach it by: a host, a port,
 * both, or a URL.
 * https://docs.ollama.com/faq#how-do-i-configure-ollama-server
 */
function readAddress(value: string): string {
  if (value === 'ollama.com') return 'https://ollama.com'
  const [, scheme = '', host = '', port, rest = ''] =
    /^(https?:\/\/)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?(\/.*)?$/i.exec(value) ?? []
  if (host === '' && port === undefined) return value
  const reached = everyAddress[host] ?? (host || '127.0.0.1')
  const at = port ?? (scheme === '' ? PORT : undefined)
  return `${scheme || 'http://'}${reached}${at === undefined ? '' : `:${at}`}${rest}`
}

/** Addresses that mean all interfaces, each with the one to reach this machine by. */
const everyAddress: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '[::]': '[::1]' }
