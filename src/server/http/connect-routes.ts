import type { DescMethodServerStreaming, DescMethodUnary } from '@bufbuild/protobuf'
import { createConnectRouter, createContextValues } from '@connectrpc/connect'
import type { UniversalHandler } from '@connectrpc/connect/protocol'
import {
  compressionGzip,
  // biome-ignore lint/suspicious/noDeprecatedImports: only its other signature is deprecated
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node'
import { IDEMPOTENCY_KEY } from '../../domain/calls/idempotency-key.ts'
import type { LiveCalls } from '../calls/live-calls.ts'
import { limitConnectTimeout, limitGrpcTimeout } from '../calls/timeouts.ts'
import { requestChecks } from '../codec/request-check.ts'
import { UnpackingRoom } from '../codec/unpacking.ts'
import type { ServerOptions } from '../server-options.ts'
import { inTextMode, takeTextMode } from './body/grpc-web-text.ts'
import { type BodyOptions, withCheckedBody } from './body/http-body.ts'
import { HttpUpload } from './body/http-upload.ts'
import { answerStream, answerUnary, type ConnectExchange, exchangeKey } from './connect-call.ts'
import { refuseConnect } from './connect-refusal.ts'
import { heldReply } from './held-response.ts'
import { breakOff } from './node-server.ts'
import { type Exchange, programHeaders, type Route } from './route.ts'

const MAX_UINT32 = 2 ** 32 - 1

/** A route for each method, in Connect's protocol and in gRPC-Web. */
export function connectRoutes(options: ServerOptions, live: LiveCalls): readonly Route[] {
  const unpacking = new UnpackingRoom({
    places: options.maxCompressedCalls,
    clock: options.clock,
    maxWait: options.readTimeout,
  })
  const checkOf = requestChecks()
  const open = new Set(options.endpoints.filter(({ isOpen }) => isOpen).map(({ path }) => path))
  return connectHandlers(options, live).map((handler) => ({
    path: handler.requestPath,
    headers: programHeaders,
    isOpen: open.has(handler.requestPath),
    serve: (exchange) => serve({ handler, check: checkOf(handler.method.input), options, unpacking }, exchange),
    refuse: ({ request, response }, refusal) => refuseConnect(request, response, refusal, options.clock),
  }))
}

function connectHandlers(options: ServerOptions, live: LiveCalls): readonly UniversalHandler[] {
  const router = createConnectRouter({
    grpc: false, // has a server of its own
    readMaxBytes: options.maxReceiveBytes,
    // Each call checks the size of its own response. In JSON it may be many times as long.
    writeMaxBytes: MAX_UINT32,
    acceptCompression: [compressionGzip],
    // A misspelt field must not be ignored silently.
    jsonOptions: { ignoreUnknownFields: false },
  })
  for (const endpoint of options.endpoints) {
    // The kind of an endpoint is the kind of its method.
    if (endpoint.kind === 'unary') {
      const mount = { endpoint, settings: options, live }
      const method = endpoint.method as DescMethodUnary
      router.rpc(method, (request, handler) => answerUnary(mount, request, handler))
    } else {
      const mount = { endpoint, settings: options, live }
      const method = endpoint.method as DescMethodServerStreaming
      router.rpc(method, (request, handler) => answerStream(mount, request, handler))
    }
  }
  return router.handlers
}

interface ConnectMount {
  readonly handler: UniversalHandler
  readonly check: BodyOptions['check']
  readonly options: ServerOptions
  readonly unpacking: UnpackingRoom
}

function serve(mount: ConnectMount, exchange: Exchange): void {
  const { request, response, caller } = exchange
  const { clock, readTimeout, isOverloaded, maxReceiveBytes, onRefused, uploads } = mount.options
  if (isOverloaded()) {
    onRefused('overloaded')
    refuseConnect(request, response, 'overloaded', clock)
    return
  }
  // Node's own timeout covers HTTP/1.1 only.
  if (request.httpVersionMajor > 1) {
    const stopTimer = clock.after(readTimeout, () => {
      onRefused('read_timeout')
      breakOff(response)
    })
    request.once('end', stopTimer)
    response.once('close', stopTimer)
  }
  const { handler, check, unpacking } = mount
  const upload = new HttpUpload(request, response, { budget: uploads, caller, clock, onRefused })
  const body = { check, maxReceiveBytes, unpacking, upload, onRefused, clock }
  void call(handler, exchange, { body, options: mount.options })
}

/** Never rejects. */
async function call(
  handler: UniversalHandler,
  exchange: Exchange,
  { body, options }: { readonly body: Omit<BodyOptions, 'isText'>; readonly options: ServerOptions },
): Promise<void> {
  const { request, response, requestId, caller } = exchange
  // A stream that is over does not know its session any more.
  const session = 'stream' in response ? response.stream.session : undefined
  const connectExchange: ConnectExchange = {
    requestId,
    caller,
    idempotencyKey: request.headers[IDEMPOTENCY_KEY]?.toString(),
    isLost: () => (session ?? request.socket).destroyed,
    userId: '',
    peer: `${request.socket.remoteAddress}:${request.socket.remotePort}`,
    onClose: (listener) => (response.closed ? listener() : response.once('close', listener)),
    destroy: () => breakOff(response),
  }
  try {
    limitGrpcTimeout(request.headers)
    limitConnectTimeout(request.headers)
    const values = createContextValues().set(exchangeKey, connectExchange)
    const universal = universalRequestFromNodeRequest(request, response, undefined, values)
    const isText = takeTextMode(universal.header)
    const reply = await handler(withCheckedBody(request, universal, { ...body, isText }))
    const sent = heldReply(isText ? inTextMode(reply) : reply, {
      exchange,
      options,
      user: () => connectExchange.userId,
    })
    await universalResponseToNodeResponse(sent, response)
  } catch {
    // The connection broke, or Connect met what it cannot answer.
    breakOff(response)
  }
}
