import { endianness } from 'node:os'
import { GatewayError, unsupported } from '../../../domain/errors/error.ts'
import type { EmbedReply, EmbedWire, UpstreamRequest, WireContext } from '../../define.ts'
import { fieldsOf, isObject, listOf, textOf } from '../json.ts'
import type { OpenAiDialect } from './dialect.ts'
import { readEmbedUsage } from './usage.ts'

/** https://platform.openai.com/docs/api-reference/embeddings/create */
export function embedWire(dialect: OpenAiDialect, embed: NonNullable<OpenAiDialect['embed']>): EmbedWire {
  return {
    limits: { inputs: embed.batchInputs, ...(embed.batchTokens !== undefined && { tokens: embed.batchTokens }) },
    encode: ({ dimensions }, inputs, context) => encodeEmbed(dimensions, inputs, context, dialect, embed),
    decode: decodeEmbed,
  }
}

function encodeEmbed(
  length: number | undefined,
  inputs: readonly string[],
  { model, options, extra }: WireContext,
  dialect: OpenAiDialect,
  { base64, dimensions }: NonNullable<OpenAiDialect['embed']>,
): UpstreamRequest {
  // Vectors of another length could not be compared, so the field cannot be left out.
  if (length !== undefined && dimensions === undefined) {
    throw unsupported('dimensions', 'the target cannot change the length of its vectors')
  }
  const fields = {
    model,
    input: inputs,
    ...(base64 && { encoding_format: 'base64' }),
    ...(length !== undefined && dimensions !== undefined && { [dimensions]: length }),
    ...extra,
  }
  return { path: dialect.paths.embed(model, options), headers: dialect.headers(options), body: JSON.stringify(fields) }
}

/** The vectors in the order of their `index`, which counts from 0 without a gap. Throws UPSTREAM_MALFORMED. */
function decodeEmbed(body: unknown): EmbedReply {
  const reply = fieldsOf(body)
  const data = listOf(reply['data'])
  const vectors: number[][] = new Array(data.length)
  for (const [position, item] of data.entries()) {
    const { index, embedding } = fieldsOf(item)
    const place = index ?? position
    if (!isObject(item) || typeof place !== 'number' || !(place in data) || vectors[place] !== undefined) {
      throw malformed('The upstream sent vectors with wrong indices.')
    }
    vectors[place] = vectorOf(embedding)
  }
  const [first] = vectors
  if (first === undefined) throw malformed('The upstream sent a response without vectors.')
  if (vectors.some((vector) => vector.length !== first.length)) {
    throw malformed('The upstream sent vectors of different lengths.')
  }
  return { vectors, usage: readEmbedUsage(reply['usage']), model: textOf(reply['model']) }
}

/** Numbers, or base64 of 32-bit floats with the lowest byte first, whichever the server chose. */
function vectorOf(embedding: unknown): number[] {
  const vector = typeof embedding === 'string' ? floatsOf(embedding) : embedding
  if (!Array.isArray(vector) || vector.length === 0 || !vector.every(isFloat)) {
    throw malformed('The upstream sent a vector that is not made of numbers.')
  }
  return vector
}

function floatsOf(base64: string): number[] | undefined {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length % 4 !== 0) return undefined
  if (endianness() === 'BE') bytes.swap32()
  // A copy, because a Float32Array needs bytes that begin at a multiple of 4.
  return Array.from(new Float32Array(new Uint8Array(bytes).buffer))
}

/** Whether it fits the contract's `float`. */
function isFloat(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(Math.fround(value))
}

function malformed(message: string): GatewayError {
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}
