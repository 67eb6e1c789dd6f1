import { create, type DescFile } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { GatewayError } from '../../../domain/errors/error.ts'
import { codes } from '../../../domain/errors/reasons.ts'
import {
  file_google_rpc_error_details,
  loadComments,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
  ServerReflectionService,
} from '../../../domain/types.ts'
import { decoderFor } from '../../codec/codec.ts'
import { encoderFor } from '../../codec/encode.ts'
import type { Endpoint } from '../../endpoints.ts'
import { DescribedFiles } from './described-files.ts'

/** Clients ask for either; only the name of the package differs. */
const VERSIONS = ['v1', 'v1alpha']

type Response = ServerReflectionResponse['messageResponse']
type Conversation = grpc.ServerDuplexStream<Buffer, Buffer>

/** Adds server reflection to a server. Descriptors and comments are made ready when a client first asks for them. */
export function addReflection(server: grpc.Server, endpoints: readonly Endpoint[]): void {
  const services = [...new Set(endpoints.map(({ method }) => method.parent))]
  // Tools show the details of an error only if reflection describes them.
  const files = [...services.map(({ file }) => file), file_google_rpc_error_details]
  const handle = reflection(
    services.map(({ typeName }) => typeName),
    files,
  )
  const { name, input, output } = ServerReflectionService.method.serverReflectionInfo
  const asItIs = (bytes: Buffer) => bytes
  const codec = { decode: decoderFor(input), encode: encoderFor(output) }
  for (const version of VERSIONS) {
    const definition: grpc.MethodDefinition<Buffer, Buffer> = {
      path: `/grpc.reflection.${version}.ServerReflection/${name}`,
      requestStream: true,
      responseStream: true,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    }
    const answer = async (bytes: Buffer) => {
      const request = codec.decode(bytes) as ServerReflectionRequest // the codec's input
      return codec.encode(await handle(request))
    }
    server.addService({ [name]: definition }, { [name]: (call: Conversation) => converse(call, answer) })
  }
}

/** Answers the requests of a conversation one after the other. */
function converse(call: Conversation, answer: (request: Buffer) => Promise<Buffer>): void {
  const next = async (request: Buffer) => {
    call.pause()
    try {
      call.write(await answer(request))
      call.resume()
    } catch (thrown) {
      const { code, message } = GatewayError.from(thrown)
      call.emit('error', { code: codes[code], details: message, metadata: new grpc.Metadata() })
    }
  }
  let last = Promise.resolve()
  call.on('data', (request: Buffer) => {
    last = last.then(() => next(request))
  })
  call.on('end', () => void last.then(() => call.end()))
}

/** Answers one request. */
function reflection(services: readonly string[], files: readonly DescFile[]) {
  let loading: Promise<DescribedFiles> | undefined
  const load = async () => new DescribedFiles(files, await loadComments())
  return async (request: ServerReflectionRequest): Promise<ServerReflectionResponse> => {
    loading ??= load()
    const messageResponse = responseTo(request, services, await loading)
    return create(ServerReflectionResponseSchema, {
      validHost: request.host,
      originalRequest: request,
      messageResponse,
    })
  }
}

function responseTo(
  { messageRequest }: ServerReflectionRequest,
  services: readonly string[],
  files: DescribedFiles,
): Response {
  switch (messageRequest.case) {
    case 'listServices': {
      const service = services.map((name) => ({ $typeName: 'grpc.reflection.v1.ServiceResponse' as const, name }))
      return {
        case: 'listServicesResponse',
        value: { $typeName: 'grpc.reflection.v1.ListServiceResponse', service },
      }
    }
    case 'fileByFilename':
      return filesOr(files.named(messageRequest.value), `file ${messageRequest.value}`)
    case 'fileContainingSymbol':
      return filesOr(files.declaring(messageRequest.value), `symbol ${messageRequest.value}`)
    case 'allExtensionNumbersOfType': {
      const baseTypeName = messageRequest.value
      if (!files.hasMessage(baseTypeName)) return notFound(`type ${baseTypeName}`)
      return {
        case: 'allExtensionNumbersResponse',
        value: { $typeName: 'grpc.reflection.v1.ExtensionNumberResponse', baseTypeName, extensionNumber: [] },
      }
    }
    default:
      return notFound('extension')
  }
}

function filesOr(fileDescriptorProto: Uint8Array[] | undefined, what: string): Response {
  if (!fileDescriptorProto) return notFound(what)
  return {
    case: 'fileDescriptorResponse',
    value: { $typeName: 'grpc.reflection.v1.FileDescriptorResponse', fileDescriptorProto },
  }
}

/** At most this much of what the client asked for is repeated. */
const MAX_REPEATED = 200

function notFound(what: string): Response {
  const errorMessage = `There is no ${what.slice(0, MAX_REPEATED).toWellFormed()}.`
  return {
    case: 'errorResponse',
    value: { $typeName: 'grpc.reflection.v1.ErrorResponse', errorCode: grpc.status.NOT_FOUND, errorMessage },
  }
}
