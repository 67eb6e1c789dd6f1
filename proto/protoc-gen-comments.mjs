/*
 * A plugin of `buf generate` that keeps the comments of the proto files, which protoc-gen-es leaves out of the generated
 * descriptors: gen/comments.js has the SourceCodeInfo of each file, reduced to declarations and their comments. Tools
 * print declarations in the order of their places, so those without a comment are there as well.
 */
import { readFileSync, writeSync } from 'node:fs'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
  SourceCodeInfoSchema,
} from '@bufbuild/protobuf/wkt'

const STDOUT = 1
const { protoFile, fileToGenerate } = fromBinary(CodeGeneratorRequestSchema, readFileSync(0))
const lines = protoFile.filter(({ name }) => fileToGenerate.includes(name)).map(lineOf)
const content = `export const comments = {\n${lines.sort().join('')}}\n`
const types = `/** The comments of each proto file: a google.protobuf.SourceCodeInfo in base64. */
export declare const comments: Readonly<Record<string, string>>
`
const response = create(CodeGeneratorResponseSchema, {
  supportedFeatures: BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL),
  file: [
    { name: 'comments.js', content },
    { name: 'comments.d.ts', content: types },
  ],
})
writeSync(STDOUT, toBinary(CodeGeneratorResponseSchema, response))

/** @param {import('@bufbuild/protobuf/wkt').FileDescriptorProto} file */
function lineOf({ name, sourceCodeInfo }) {
  const location = (sourceCodeInfo?.location ?? []).filter(isDeclaration)
  const bytes = toBinary(SourceCodeInfoSchema, create(SourceCodeInfoSchema, { location }))
  return `  '${name}': '${Buffer.from(bytes).toString('base64')}',\n`
}

/**
 * Whether a place is that of a message, field, enum, value, service or method: pairs of a kind and an index. Options have
 * the kind 8 at the top. https://protobuf.com/docs/descriptors#source-code-info
 *
 * @param {import('@bufbuild/protobuf/wkt').SourceCodeInfo_Location} place
 */
function isDeclaration({ path }) {
  return path.length > 0 && path.length % 2 === 0 && path[0] !== 8
}
