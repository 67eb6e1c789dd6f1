import type { Exchange } from './upstream-server.ts'
import { startUpstream, type UpstreamServer } from './upstream-server.ts'

/** A vendor that generates as many tokens as a request asks for, and keeps count of what it charges. */
export interface TokenUpstream extends UpstreamServer {
  /** Output tokens that it generated, also for responses that were cut. */
  generated(): number
}

const CHUNK = 'tok '

/**
 * Speaks OpenAI's API. The last message is the number of tokens of the response; `max_tokens` bounds it. Streams take a
 * turn of the event loop for each chunk of `perChunk` tokens.
 */
export async function startTokenUpstream(perChunk = 5): Promise<TokenUpstream> {
  let generated = 0
  const upstream = await startUpstream((exchange) => {
    const { json } = exchange.hit
    const wanted = lengthOf(json)
    const most = Number(json['max_tokens'] ?? json['max_completion_tokens'] ?? wanted)
    const tokens = Math.min(wanted, most)
    const reason = wanted > most ? 'length' : 'stop'
    if (json['stream'] === true) stream(exchange, tokens, reason)
    else whole(exchange, tokens, reason)
  })

  function whole({ response }: Exchange, tokens: number, reason: string): void {
    generated += tokens
    response.writeHead(200, { 'content-type': 'application/json' })
    const message = { role: 'assistant', content: CHUNK.repeat(tokens) }
    response.end(
      JSON.stringify({ id: 'x', choices: [{ index: 0, message, finish_reason: reason }], usage: usageOf(tokens) }),
    )
  }

  function stream({ response }: Exchange, tokens: number, reason: string): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    let sent = 0
    let isOpen = true
    response.on('close', () => {
      isOpen = false
    })
    const next = () => {
      if (!isOpen) return
      if (sent >= tokens) {
        send(response, { choices: [{ index: 0, delta: {}, finish_reason: reason }] })
        send(response, { choices: [], usage: usageOf(tokens) })
        response.end('data: [DONE]\n\n')
        return
      }
      for (let count = 0; count < perChunk && sent < tokens; count++) {
        sent++
        generated++
        send(response, { choices: [{ index: 0, delta: { content: CHUNK } }] })
      }
      setImmediate(next)
    }
    next()
  }

  return { ...upstream, generated: () => generated }
}

function send(response: Exchange['response'], value: object): void {
  response.write(`data: ${JSON.stringify({ id: 'x', ...value })}\n\n`)
}

function lengthOf({ messages }: Readonly<Record<string, unknown>>): number {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined
  return typeof last === 'object' && last !== null && 'content' in last ? Number(last.content) : 0
}

function usageOf(tokens: number) {
  return { prompt_tokens: 10, completion_tokens: tokens, total_tokens: 10 + tokens }
}
