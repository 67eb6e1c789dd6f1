import { createServer, type ServerResponse } from 'node:http'
import { base64Reply, chatReply, completionReply, completionStreamReply, floatReply, streamReply } from './replies.ts'

/*
 * A vendor that costs as little as it can: it answers with bytes that lie ready. The first part of a path says how:
 * `/paced` keeps a pause between the events of a stream, `/float` and `/base64` encode vectors so.
 */

/** Between two events of a paced stream, in ms. */
const PACE = 20

let served = 0

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    answer(request.url ?? '', Buffer.concat(chunks), response)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object') process.send?.({ port: address?.port })
})

process.on('message', (question) => {
  if (question === 'served') process.send?.({ served })
})
process.on('disconnect', () => process.exit())

function answer(path: string, body: Buffer, response: ServerResponse): void {
  if (path.endsWith('/traces')) {
    response.end()
    return
  }
  served++
  if (path.endsWith('/embeddings')) json(response, path.startsWith('/float') ? floatReply : base64Reply)
  else answerText(path, body, response)
}

function answerText(path: string, body: Buffer, response: ServerResponse): void {
  const [whole, events] = isChat(path) ? [chatReply, streamReply] : [completionReply, completionStreamReply]
  if (!body.includes('"stream":true')) json(response, whole)
  else {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    if (path.startsWith('/paced')) pace(response)
    else {
      for (const event of events) response.write(event)
      response.end()
    }
  }
}

function isChat(path: string): boolean {
  return path.endsWith('/chat/completions')
}

function json(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
}

function pace(response: ServerResponse): void {
  let next = 0
  const play = () => {
    const timer = setInterval(() => {
      const event = streamReply[next++]
      if (event !== undefined && !response.destroyed) response.write(event)
      else {
        clearInterval(timer)
        response.end()
      }
    }, PACE)
  }
  // Streams that begin together must not beat together.
  setTimeout(play, served % PACE)
}
