import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { create } from '@bufbuild/protobuf'
import { tsImport } from 'tsx/esm/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ChatRequestSchema, FinishReason, Role } from '../../src/domain/types.ts'
import type { ProviderKind, Wire } from '../../src/providers/define.ts'
import { decodeStream, decodeWhole, ndjson } from '../support/decode.ts'
import { contextOf } from '../support/encode.ts'

/* The page docs/adding-a-provider.md is followed to the letter. */

const page = readFileSync(new URL('../../docs/adding-a-provider.md', import.meta.url), 'utf8')
const [row = '', file = ''] = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code)
const providers = new URL('../../src/providers/vendors/', import.meta.url)

let folder: string
let acme: Wire
let borealis: ProviderKind

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'adding-'))
  const head = readFileSync(new URL('presets.ts', providers), 'utf8').split('\nexport const openai = ')[0]
  acme = wireOf((await load('row.ts', `${head}\n${row}\nexport { acme }`))['acme'])
  borealis = (await load('borealis.ts', file))['borealis'] as ProviderKind // as the page declares it
})

afterAll(() => rmSync(folder, { recursive: true }))

/** Loads code as if it stood in `src/providers/`. */
function load(name: string, code: string): Promise<Record<string, unknown>> {
  const path = join(folder, name)
  const absolute = code.replace(
    /from '(\.[^']+)'/g,
    (_, to: string) => `from '${fileURLToPath(new URL(to, providers))}'`,
  )
  const packages = absolute.replace(/from '(zod)'/g, (_, to: string) => `from '${import.meta.resolve(to)}'`)
  writeFileSync(path, packages)
  return tsImport(path, import.meta.url)
}

function wireOf(kind: unknown): Wire {
  const { wire } = kind as ProviderKind // as the page declares it
  if (!wire) throw new Error('no wire')
  return wire
}

function encode(wire: Wire, seed?: bigint, extra = {}) {
  const request = create(ChatRequestSchema, {
    messages: [
      { role: Role.DEVELOPER, content: 'Be brief.' },
      { role: Role.USER, parts: [{ content: { case: 'text', value: 'Hello' } }] },
    ],
    temperature: 0,
    ...(seed !== undefined && { seed }),
  })
  const leftOut: string[] = []
  const context = contextOf({ model: 'm', extra }, leftOut)
  const { path, body } = wire.chat.encode(request, { ...context, stream: true, defaults: { maxTokens: 9 } })
  return { path, json: JSON.parse(body), leftOut }
}

it('a row says where a vendor departs from the family', () => {
  expect(encode(acme, 7n).json).toMatchObject({ model: 'm', temperature: 0, random_seed: 7, safety: 'strict' })
})

describe('a file is a whole vendor', () => {
  it('that is asked in its own words', () => {
    expect(encode(wireOf(borealis), 7n, { mood: 'calm' })).toEqual({
      path: '/generate',
      json: {
        engine: 'm',
        stream: true,
        turns: [
          { by: 'human', text: 'Be brief.' },
          { by: 'human', text: 'Hello' },
        ],
        heat: 0,
        limit: 9,
        mood: 'calm',
      },
      leftOut: ['seed'],
    })
  })

  it('whose answers are read, whole or line by line, and not believed when they stop short', async () => {
    const lines = [{ engine: 'e', text: 'Hel' }, { text: 'lo.' }, { finished: 'full', tokens: { read: 3, written: 2 } }]
    const answer = { message: { content: 'Hello.' }, finishReason: FinishReason.LENGTH, usage: { total: 5 } }
    const wire = wireOf(borealis)
    expect((await decodeStream(wire, [ndjson(...lines)])).response).toMatchObject(answer)
    expect((await decodeWhole(wire, { ...lines[2], text: 'Hello.' })).response).toMatchObject(answer)
    expect((await decodeStream(wire, [ndjson(...lines.slice(0, 2))])).error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
    expect((await decodeStream(wire, [ndjson({ code: 'overloaded', problem: 'x' })])).error?.reason).toBe(
      'UPSTREAM_OVERLOADED',
    )
    expect((await decodeStream(wire, [ndjson('null', '3', '{')])).error).toBeDefined()
  })
})
