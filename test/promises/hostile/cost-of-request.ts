/**
 * Checks and decodes one costly request in a process of its own and prints what that cost, as JSON: CPU time of all
 * threads in ms, and growth of the resident memory at its highest in bytes.
 */
import { fromBinary, fromJson } from '@bufbuild/protobuf'
import { forgetMostMemory, residentMemory } from '../../../bench/process.ts'
import { requestChecks } from '../../../src/server/codec/request-check.ts'
import { randomFrom } from '../../support/random.ts'
import { randomProto } from '../../support/random-proto.ts'
import { costlyRequests } from './costly-requests.ts'

const SMALL =
  '{"model":"m","messages":[{"content":"hi"}],"labels":{"a":"b"},"providerOptions":{"p":{"k":[1,{"x":true}]}}}'

const request = costlyRequests.find(({ name }) => name === process.argv[2])
if (!request) throw new Error(`there is no request "${process.argv[2]}"`)
const { desc, encoding } = request
const check = requestChecks()(desc)[encoding]

function decode(bytes: Uint8Array): { readonly parts: number; readonly message: unknown } {
  const parts = check(bytes)
  if (encoding === 'proto') return { parts, message: fromBinary(desc, bytes) }
  return { parts, message: fromJson(desc, JSON.parse(new TextDecoder().decode(bytes))) }
}

function tryToDecode(bytes: Uint8Array): void {
  try {
    decode(bytes)
  } catch {
    // Not every random message is valid.
  }
}

const bytes = request.make()
// A gateway has decoded requests before.
const random = randomFrom(1)
for (let at = 0; at < 2_000; at++) tryToDecode(encoding === 'json' ? Buffer.from(SMALL) : randomProto(desc, random))
globalThis.gc?.()
forgetMostMemory(process.pid)
const memory = residentMemory(process.pid)
const before = process.cpuUsage()
const { parts, message } = decode(bytes)
const { user, system } = process.cpuUsage(before)
const grown = residentMemory(process.pid, 'VmHWM') - memory
console.log(
  JSON.stringify({ cpu: (user + system) / 1_000, memory: grown, parts, decoded: typeof message === 'object' }),
)
