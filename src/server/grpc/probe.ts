import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { HealthCheckService, ServingStatus } from '../../domain/types.ts'

/** In ms. */
const DEADLINE = 2000

/** PEM. `ca` signs the server's certificate; `cert` and `key` are shown to a server that asks for them. */
export interface ProbeTls {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

/** Whether the gateway at `host:port` takes calls. Answers within 2 s and never rejects. */
export function probe(address: string, { tls }: { tls?: ProbeTls } = {}): Promise<boolean> {
  grpc.setLogVerbosity(grpc.logVerbosity.NONE)
  const { input, output, name } = HealthCheckService.method.check
  const credentials = tls ? grpc.credentials.createSsl(tls.ca, tls.key, tls.cert) : grpc.credentials.createInsecure()
  const client = new grpc.Client(address, credentials)
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      `/${HealthCheckService.typeName}/${name}`,
      (request: undefined) => Buffer.from(toBinary(input, create(input, request))),
      (bytes) => fromBinary(output, bytes),
      undefined,
      { deadline: Date.now() + DEADLINE },
      (_error, response) => {
        client.close()
        resolve(response?.status === ServingStatus.SERVING)
      },
    )
  })
}
