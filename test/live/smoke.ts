/**
 * Asks every vendor whose key or address is in the environment a few small questions, through a real gateway:
 * `npm run smoke:live -- [KIND...]`. It costs a fraction of a cent for each vendor.
 */
import { kinds } from '../../src/providers/index.ts'
import { startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { type Question, questions } from './questions.ts'

type Kind = (typeof kinds)[number]

process.exitCode = await run(process.argv.slice(2))

async function run(named: readonly string[]): Promise<number> {
  const asked = kinds.filter(({ kind, wire }) => wire && (named.length === 0 || named.includes(kind)))
  const ready = asked.filter((kind) => variablesOf(kind).some(isSet))
  for (const kind of asked.filter((kind) => !ready.includes(kind))) {
    console.log(`SKIP ${kind.kind}: none of ${variablesOf(kind).join(', ')} is set`)
  }
  if (ready.length === 0) {
    console.log('NOTHING WAS TESTED: no key and no address of a vendor is set')
    return 0
  }
  const gateway = await startGateway({ env: environment() })
  const client = new GrpcClient(gateway.grpc)
  const counts = { passed: 0, failed: 0, skipped: 0 }
  try {
    for (const { kind } of ready) for (const question of questions) counts[await ask(client, kind, question)]++
  } finally {
    client.close()
    await gateway.close()
  }
  const skipped = counts.skipped + (asked.length - ready.length) * questions.length
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${skipped} skipped`)
  return counts.failed > 0 ? 1 : 0
}

async function ask(client: GrpcClient, kind: string, question: Question): Promise<'passed' | 'failed' | 'skipped'> {
  const name = `${kind} ${question.name}`
  const reason = question.skip(kind)
  if (reason !== undefined) {
    console.log(`SKIP ${name}: ${reason}`)
    return 'skipped'
  }
  const begun = performance.now()
  try {
    const said = await question.ask(client, kind)
    console.log(`PASS ${name}: ${said} (${Math.round(performance.now() - begun)} ms)`)
    return 'passed'
  } catch (error) {
    console.log(`FAIL ${name}: ${error instanceof Error ? error.message : String(error)}`)
    return 'failed'
  }
}

/** The variables that bring a vendor in: its keys, or its address where it needs none. */
function variablesOf({ kind, key, keyOptional, environment }: Kind): string[] {
  const needsKey = key !== undefined && keyOptional !== true
  const own = `LLM_GATEWAY_${kind.toUpperCase().replaceAll('-', '_')}_${needsKey ? 'API_KEY' : 'BASE_URL'}`
  const short = needsKey ? (environment.keys ?? []) : (environment.baseUrl ?? [])
  return [...new Set([own, ...short])]
}

function isSet(name: string): boolean {
  return Boolean(process.env[name] || process.env[`${name}_1`])
}

function environment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => Boolean(entry[1])))
}
