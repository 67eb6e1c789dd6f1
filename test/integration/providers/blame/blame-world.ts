import { BreakerState, KeyState, LlmGateway, LlmGatewayAdmin } from '../../../../src/domain/types.ts'
import { chat, embed } from '../../../support/client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import {
  answers,
  chatBody,
  type Hit,
  json,
  type Reply,
  startUpstream,
  type UpstreamServer,
} from '../../../support/upstream-server.ts'

/* A gateway with providers of many kinds, a caller whose requests are poisoned, and callers whose requests are not. */

/** Words of a request that the vendor fails. Every other request is answered. */
export const POISON = 'poison'

export interface ProviderPlan {
  readonly name: string
  readonly kind: string
  /** Default: 3. */
  readonly keys?: number
  readonly reply: Reply
}

export interface BlameWorld {
  readonly client: GrpcClient
  readonly gateway: RunningGateway
  /** Requests that this provider's vendor received, those for its list of models apart. */
  hits(provider: string): readonly Hit[]
  /** A poisoned chat of caller `a`. */
  poisoned(model: string, words?: string, more?: object): ReturnType<typeof chat>
  /** What the vendor of one provider answers to poisoned requests from now on. */
  answer(provider: string, reply: Reply): void
  /** Caller `b` is answered: the same model, another model, and embeddings where the kind has them. */
  othersAreAnswered(provider: string, hasEmbeddings?: boolean): Promise<Record<string, string>>
  keysOf(provider: string): Promise<readonly { state: string; cooling: number; reason: string }[]>
  breakerOf(provider: string): Promise<string>
  close(): Promise<void>
}

const CALLERS = { a: 'a'.repeat(20), b: 'b'.repeat(20), ops: 'o'.repeat(20) }
export type CallerName = keyof typeof CALLERS

export const as = (caller: CallerName) => ({ metadata: { authorization: `Bearer ${CALLERS[caller]}` } })

export async function startBlameWorld(
  plans: readonly ProviderPlan[],
  more: { readonly models?: readonly string[]; readonly server?: string; readonly movableTime?: boolean } = {},
): Promise<BlameWorld> {
  const replies = new Map(plans.map(({ name, reply }) => [name, reply]))
  const kinds = new Map(plans.map(({ name, kind }) => [name, kind]))
  const vendor = await startUpstream((exchange) => {
    const [, provider = ''] = exchange.hit.path.split('/')
    const isPoisoned = exchange.hit.body.includes(POISON)
    const reply = isPoisoned ? replies.get(provider) : wellAnswered(kinds.get(provider) ?? '', exchange.hit)
    reply?.(exchange)
  })
  const other = await startUpstream(answers('other'))
  const most = Math.max(...plans.map(({ keys = 3 }) => keys))
  const gateway = await startGateway({
    yaml: yamlOf(plans, vendor, other, more),
    env: keyVariables(most),
    movableTime: more.movableTime ?? false,
  })
  const client = new GrpcClient(gateway.grpc)
  return {
    client,
    gateway,
    hits: (provider) => vendor.hits.filter(({ path, body }) => path.startsWith(`/${provider}/`) && body !== ''),
    poisoned: (model, words = '', request = {}) =>
      chat(client, { model, messages: [{ role: 1, content: `${POISON} ${words}` }], ...request }, as('a')),
    answer: (provider, reply) => void replies.set(provider, reply),
    async othersAreAnswered(provider, hasEmbeddings = true) {
      const said = async (model: string) => {
        const { value, error } = await chat(client, { model: `${provider}/${model}` }, as('b'))
        return value?.message?.content ?? error?.message ?? ''
      }
      const vector = async () => {
        const { value, error } = await embed(client, { model: `${provider}/m`, inputs: ['x'] }, as('b'))
        return value ? 'ok' : (error?.message ?? '')
      }
      return {
        sameModel: await said('m'),
        otherModel: await said('n'),
        ...(hasEmbeddings && { embeddings: await vector() }),
      }
    },
    async keysOf(provider) {
      const { value } = await client.unary(LlmGatewayAdmin.method.listKeys, { provider }, as('ops'))
      return (value?.keys ?? []).map(({ state, cooling, reason }) => ({
        state: KeyState[state] ?? '',
        cooling: cooling.length,
        reason,
      }))
    },
    async breakerOf(provider) {
      const { value } = await client.unary(LlmGateway.method.health, {}, as('ops'))
      return BreakerState[value?.providers.find(({ name }) => name === provider)?.breaker ?? 0] ?? ''
    },
    async close() {
      client.close()
      await gateway.close()
      await vendor.close()
      await other.close()
    },
  }
}

function yamlOf(
  plans: readonly ProviderPlan[],
  vendor: UpstreamServer,
  other: UpstreamServer,
  { models = [], server }: { readonly models?: readonly string[]; readonly server?: string },
): string {
  const keys = (count: number) => Array.from({ length: count }, (_, index) => `"$\{KEY_${index}}"`).join(', ')
  return [
    ...(server ? [`server: ${server}`] : []),
    'auth:',
    '  keys:',
    ...Object.keys(CALLERS).map(
      (name) => `    - { name: ${name}, key: "$\{CALLER_${name}}"${name === 'ops' ? ', admin: true' : ''} }`,
    ),
    'providers:',
    `  other: { kind: local, base_url: "${other.url}" }`,
    ...plans.map(
      ({ name, kind, keys: count = 3 }) =>
        `  ${name}: { kind: ${kind}, base_url: "${vendor.url}/${name}", keys: [${keys(count)}] }`,
    ),
    'models:',
    ...plans.map(({ name }) => `  ${name}-or-other: { targets: [${name}/m, other/m] }`),
    ...models.map((line) => `  ${line}`),
  ].join('\n')
}

function keyVariables(count: number): Record<string, string> {
  return Object.fromEntries([
    ...Array.from({ length: count }, (_, index) => [`KEY_${index}`, `vendor-key-${index}`]),
    ...Object.entries(CALLERS).map(([name, key]) => [`CALLER_${name}`, key]),
  ])
}

/** Which key a request was sent with, in any kind's header. */
export function keyOf({ headers }: Hit): string {
  const sent = headers.authorization ?? headers['x-api-key'] ?? headers['x-goog-api-key'] ?? headers['api-key']
  return String(sent).replace('Bearer ', '')
}

/** An answer as the kind writes it. */
function wellAnswered(kind: string, { path }: Hit): Reply {
  const vector = [0.5, 0.25]
  if (kind === 'anthropic') {
    const content = [{ type: 'text', text: 'ok' }]
    const usage = { input_tokens: 1, output_tokens: 1 }
    return json({ id: 'msg', type: 'message', role: 'assistant', model: 'm', content, stop_reason: 'end_turn', usage })
  }
  if (kind === 'gemini') {
    if (path.includes('mbed')) return json({ embeddings: [{ values: vector }], embedding: { values: vector } })
    return json({ candidates: [{ content: { role: 'model', parts: [{ text: 'ok' }] }, finishReason: 'STOP' }] })
  }
  if (kind === 'ollama') {
    if (path.includes('mbed')) return json({ model: 'm', embeddings: [vector] })
    return json({ model: 'm', message: { role: 'assistant', content: 'ok' }, done: true, done_reason: 'stop' })
  }
  if (path.includes('mbed'))
    return json({ model: 'm', data: [{ index: 0, embedding: vector }], usage: { prompt_tokens: 1 } })
  return json(chatBody('ok'))
}
