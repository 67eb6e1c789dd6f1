import { type DescFile, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import type { Server } from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { file_google_rpc_error_details } from '../../domain/types.ts'
import type { Endpoint } from '../endpoints.ts'

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0]

/** Server reflection, v1 and v1alpha, from the generated descriptors. */
export function addReflection(server: Server, endpoints: readonly Endpoint[]): void {
  const files = new Map<string, Buffer>()
  const add = (file: DescFile) => {
    if (files.has(file.name)) return
    files.set(file.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)))
    for (const dependency of file.dependencies) add(dependency)
  }
  for (const { method } of endpoints) add(method.parent.file)
  // Tools show the details of an error only when reflection describes them.
  add(file_google_rpc_error_details)
  // Of a package it reads nothing but the descriptors.
  const definition = { all: { fileDescriptorProtos: [...files.values()] } } as unknown as PackageDefinition
  new ReflectionService(definition).addToServer(server)
}
