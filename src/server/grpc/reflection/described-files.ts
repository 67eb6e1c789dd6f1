import { create, type DescEnum, type DescFile, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf'
import { nestedTypes } from '@bufbuild/protobuf/reflect'
import { FileDescriptorProtoSchema, SourceCodeInfoSchema } from '@bufbuild/protobuf/wkt'

/** Proto files by their names and by what they declare, encoded with their comments when somebody asks for them. */
export class DescribedFiles {
  readonly #files = new Map<string, DescFile>()
  /** By the full name of a message, enum, service, method, field or enum value. */
  readonly #bySymbol = new Map<string, DescFile>()
  readonly #comments: Readonly<Record<string, string>>
  readonly #encoded = new Map<DescFile, Uint8Array>()

  /** `comments`: a SourceCodeInfo in base64 for each file that has comments. */
  constructor(files: readonly DescFile[], comments: Readonly<Record<string, string>>) {
    this.#comments = comments
    for (const file of files) this.#add(file)
  }

  /** The file of this name, and all that it imports. */
  named(name: string): Uint8Array[] | undefined {
    return this.#withImports(this.#files.get(name))
  }

  /** The file that declares a symbol, and all that it imports. */
  declaring(symbol: string): Uint8Array[] | undefined {
    return this.#withImports(this.#bySymbol.get(symbol))
  }

  hasMessage(name: string): boolean {
    return this.#bySymbol.has(name)
  }

  #add(file: DescFile): void {
    if (this.#files.has(`${file.name}.proto`)) return
    this.#files.set(`${file.name}.proto`, file)
    for (const service of file.services) {
      this.#bySymbol.set(service.typeName, file)
      for (const { name } of service.methods) this.#bySymbol.set(`${service.typeName}.${name}`, file)
    }
    for (const type of nestedTypes(file)) if (type.kind !== 'extension') this.#addType(type, file)
    for (const dependency of file.dependencies) this.#add(dependency)
  }

  #addType(type: DescMessage | DescEnum | { readonly kind: 'service' }, file: DescFile): void {
    if (type.kind === 'service') return
    this.#bySymbol.set(type.typeName, file)
    if (type.kind === 'message') {
      for (const { name } of type.fields) this.#bySymbol.set(`${type.typeName}.${name}`, file)
      return
    }
    // The values of an enum belong to the scope around it.
    const scope = type.typeName.slice(0, -type.name.length)
    for (const { name } of type.values) this.#bySymbol.set(`${scope}${name}`, file)
  }

  #withImports(file: DescFile | undefined): Uint8Array[] | undefined {
    if (!file) return undefined
    const files = new Set<DescFile>()
    const add = (one: DescFile) => {
      if (files.has(one)) return
      files.add(one)
      for (const dependency of one.dependencies) add(dependency)
    }
    add(file)
    return [...files].map((one) => this.#encode(one))
  }

  #encode(file: DescFile): Uint8Array {
    const known = this.#encoded.get(file)
    if (known) return known
    const comments = this.#comments[`${file.name}.proto`]
    const sourceCodeInfo = comments && fromBinary(SourceCodeInfoSchema, Buffer.from(comments, 'base64'))
    const described = create(FileDescriptorProtoSchema, { ...file.proto, ...(sourceCodeInfo && { sourceCodeInfo }) })
    const bytes = toBinary(FileDescriptorProtoSchema, described)
    this.#encoded.set(file, bytes)
    return bytes
  }
}
