import { answers, type Hit, type Reply, startUpstream, type UpstreamServer } from './upstream-server.ts'

/** An upstream that answers each model in its own way, so that tests can share it at the same time. */
export interface ModelUpstream extends Pick<UpstreamServer, 'url' | 'port' | 'close'> {
  /** What calls for `model` are answered with, each by a reply of its own, the last for all that follow. */
  answer(model: string, ...replies: readonly Reply[]): void
  hits(model: string): readonly Hit[]
}

/** Models of which nothing was told are answered with `name`. */
export async function startModelUpstream(name: string): Promise<ModelUpstream> {
  const plans = new Map<string, Reply[]>()
  const server = await startUpstream((exchange) => {
    const plan = plans.get(modelOf(exchange.hit)) ?? []
    const reply = (plan.length > 1 ? plan.shift() : plan[0]) ?? answers(name)
    reply(exchange)
  })
  return {
    url: server.url,
    port: server.port,
    close: () => server.close(),
    answer: (model, ...replies) => void plans.set(model, [...replies]),
    hits: (model) => server.hits.filter((hit) => modelOf(hit) === model),
  }
}

/** In the body, or in the path of vendors that have it there. */
function modelOf({ json, path }: Hit): string {
  return String(json['model'] ?? /(?:deployments|models)\/([^/:]+)/.exec(path)?.[1] ?? '')
}
