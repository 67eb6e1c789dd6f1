import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'

/** A reply as a vendor sends it. */
export interface VendorReply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly contentType?: string
  /** Written piece by piece, each as a chunk of its own. */
  readonly pieces: readonly (string | Buffer)[]
}

/** A request as a vendor receives it. */
export interface VendorRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface VendorServer {
  /** `http://host:port`. */
  readonly url: string
  readonly requests: VendorRequest[]
  /** What every request from now on is answered with. */
  answer(reply: VendorReply | ((request: VendorRequest) => VendorReply)): void
  close(): Promise<void>
}

/** A real HTTP server that answers as it is told. */
export async function startVendor(): Promise<VendorServer> {
  const requests: VendorRequest[] = []
  let reply: (request: VendorRequest) => VendorReply = () => ({ status: 500, pieces: [] })
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { method = '', url: path = '', headers } = incoming
      const request = { method, path, headers, body: Buffer.concat(chunks).toString('utf8') }
      requests.push(request)
      void send(response, reply(request))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    answer(next) {
      reply = typeof next === 'function' ? next : () => next
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function send(
  response: ServerResponse,
  { status = 200, headers, contentType = 'application/json', pieces }: VendorReply,
): Promise<void> {
  response.socket?.setNoDelay(true)
  response.writeHead(status, { ...headers, 'content-type': contentType })
  for (const piece of pieces) {
    if (response.destroyed) return
    await new Promise((resolve) => response.write(piece, resolve))
  }
  response.end()
}
