/**
 * Plays recorded replies of vendors to the gateway and compares what a client gets with what the recordings say.
 * `npm run conformance -- FOLDER [FILTER]`: FOLDER holds `<vendor>/<case>/meta.json` and the reply beside it; only cases
 * whose `<vendor>/<case>` contains FILTER are played.
 */
import { existsSync } from 'node:fs'
import { kindNamed } from '../../src/providers/index.ts'
import { startVendor, type VendorReply } from '../support/vendor-server.ts'
import { askFor } from './ask.ts'
import { type Case, readCases } from './cases.ts'
import { ConformanceClient } from './client.ts'
import { compare } from './compare.ts'
import { startConformanceGateway } from './gateway.ts'
import { slicings } from './slice.ts'

/** One case as its reply arrives in one way. Each has a provider of its own, so that no failure tells on another. */
interface Play {
  readonly provider: string
  readonly kind: string
  readonly slicing: string
  readonly recorded: Case
  readonly reply: VendorReply
}

const PARALLEL = 8

/** The folders that are named after an API. Their cases are played to the kind of the vendor that they name. */
const apiFolders: readonly string[] = ['responses', 'completions']

process.exitCode = await run(process.argv.slice(2))

async function run([folder, filter = '']: readonly string[]): Promise<number> {
  if (folder === undefined || !existsSync(folder)) {
    console.error(`NOTHING WAS TESTED: there are no recordings at ${folder ?? '(no folder given)'}`)
    return 2
  }
  const cases = readCases(folder).filter(({ name }) => name.includes(filter))
  const skipped = new Map<Case, string>()
  for (const recorded of cases) {
    const why = reasonToSkip(recorded)
    if (why !== undefined) skipped.set(recorded, why)
  }
  const played = cases.filter((recorded) => !skipped.has(recorded))
  const differences = await playAll(played.flatMap(playsOf))
  for (const difference of differences.values()) for (const line of difference.sort()) console.log(`FAIL ${line}`)
  for (const why of new Set(skipped.values())) {
    const names = [...skipped.keys()].filter((recorded) => skipped.get(recorded) === why).map(({ name }) => name)
    console.log(`SKIP ${names.length}: ${why}: ${names.join(', ')}`)
  }
  console.log(`${played.length - differences.size} passed, ${differences.size} failed, ${skipped.size} skipped`)
  return differences.size > 0 ? 1 : 0
}

/** Replies of many vendors are played to the kind that stands for any of them. */
function kindOf({ folder, provider }: Case): string {
  const vendor = apiFolders.includes(folder) ? provider : folder
  return vendor === 'compat' ? 'local' : vendor
}

function optionsOf({ api }: Case): Readonly<Record<string, string>> {
  return api === 'responses' ? { api } : {}
}

function reasonToSkip(recorded: Case): string | undefined {
  const kind = kindNamed(kindOf(recorded))
  if (!kind?.wire) return `the gateway has no provider kind "${kindOf(recorded)}"`
  return askFor(recorded) ? undefined : `the gateway has no call for ${recorded.expected.result}`
}

function playsOf(recorded: Case, position: number): Play[] {
  const { status, headers, contentType, body } = recorded.reply
  return slicings.map(({ name, slice }) => ({
    provider: `p${position}-${name}`,
    kind: kindOf(recorded),
    slicing: name,
    recorded,
    reply: { status, headers, contentType, pieces: slice(body) },
  }))
}

/** The differences of every case that has any. */
async function playAll(plays: readonly Play[]): Promise<Map<Case, string[]>> {
  const vendor = await startVendor()
  const replies = new Map(plays.map(({ provider, reply }) => [provider, reply]))
  vendor.answer(({ path }) => replies.get(path.split('/')[1] ?? '') ?? { status: 404, pieces: ['no such recording'] })
  const gateway = await startConformanceGateway(
    plays.map(({ provider, kind, recorded }) => ({
      name: provider,
      kind,
      baseUrl: `${vendor.url}/${provider}`,
      options: optionsOf(recorded),
    })),
  )
  const client = new ConformanceClient(gateway.grpc)
  const found = new Map<Case, string[]>()
  const queue = [...plays]
  const work = async () => {
    for (let play = queue.shift(); play; play = queue.shift()) {
      const { recorded, slicing } = play
      const lines = (await differencesOf(client, play)).map((line) => `${recorded.name} (${slicing}): ${line}`)
      if (lines.length > 0) found.set(recorded, [...(found.get(recorded) ?? []), ...lines])
    }
  }
  try {
    await Promise.all(Array.from({ length: PARALLEL }, work))
  } finally {
    client.close()
    await gateway.close()
    await vendor.close()
  }
  return found
}

async function differencesOf(client: ConformanceClient, { recorded, provider, kind }: Play): Promise<string[]> {
  try {
    const outcome = (await askFor(recorded)?.(client, provider, recorded)) ?? {}
    return compare(recorded, outcome, kindNamed(kind)?.local ?? false)
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}
