/**
 * Sends every request through the gateway to every wire, and checks what the vendor would receive: against what the
 * vendor's own client sends, against the vendor's own types, and against snapshots that somebody has looked at.
 * `npm run conformance:requests -- [--update] [FILTER]`: only requests whose `<wire>/<request>` contains FILTER;
 * `--update` writes the snapshots anew, which then are to be looked at.
 */
import { kindNamed } from '../../src/providers/index.ts'
import { Failures } from './failures.ts'
import { Recorder, type Recording } from './recorder.ts'
import { type RequestName, requestNames } from './requests.ts'
import { differencesFromClient } from './sdk/compare.ts'
import { differenceFromSnapshot, tidySnapshots, writeSnapshot } from './snapshots.ts'
import { typeErrors } from './type-check.ts'
import { type RequestWire, wires } from './wires.ts'

interface Recorded {
  readonly wire: RequestWire
  readonly request: RequestName
  readonly recording: Recording
}

process.exitCode = await run(process.argv.slice(2))

async function run(args: readonly string[]): Promise<number> {
  const filter = args.find((argument) => !argument.startsWith('--')) ?? ''
  const limitStatus = wires.filter(({ kind }) => kindNamed(kind)?.wire)
  const missing = wires.filter((wire) => !limitStatus.includes(wire))
  const failures = new Failures()

  const recorded = await recordAll(limitStatus, filter, failures)
  await checkTypes(recorded, failures)
  await checkSnapshots(recorded, failures, args.includes('--update'))

  for (const line of failures.lines) console.log(`FAIL ${line}`)
  for (const { name, kind } of missing) console.log(`SKIP ${name}: the gateway has no provider kind "${kind}"`)
  const skipped = missing.length * requestNames.length
  console.log(`${recorded.length - failures.count} passed, ${failures.count} failed, ${skipped} skipped`)
  return failures.count > 0 || recorded.length === 0 ? 1 : 0
}

/** One after the other, so that what arrives is what was just sent; each by the gateway, then by the client. */
async function recordAll(asked: readonly RequestWire[], filter: string, failures: Failures): Promise<Recorded[]> {
  const recorder = await Recorder.start(asked)
  const recorded: Recorded[] = []
  let compared = 0
  try {
    for (const { wire, request } of asked.flatMap(requestsOf)) {
      if (!`${wire.name}/${request}`.includes(filter)) continue
      const recording = await recorder.record(wire, request)
      recorded.push({ wire, request, recording })
      const differences = await differencesFromClient(recorder, wire, request, recording)
      if (differences) compared++
      for (const difference of differences ?? []) failures.add(wire, request, 'client', difference)
    }
  } finally {
    await recorder.close()
  }
  const refused = recorded.filter(({ recording }) => 'refused' in recording).length
  console.log(`${refused} were refused, ${compared} could be compared with the vendor's own client`)
  return recorded
}

function requestsOf(wire: RequestWire): { wire: RequestWire; request: RequestName }[] {
  return requestNames.map((request) => ({ wire, request }))
}

async function checkTypes(recorded: readonly Recorded[], failures: Failures): Promise<void> {
  const bodies = recorded.flatMap(({ wire, request, recording }) =>
    'refused' in recording ? [] : [{ wire, request, body: recording.body }],
  )
  const errors = await typeErrors(bodies)
  for (const { wire, request } of bodies) {
    const error = errors.get(`${wire.name}/${request}`)
    if (error !== undefined) failures.add(wire, request, 'type', error)
  }
}

async function checkSnapshots(recorded: readonly Recorded[], failures: Failures, update: boolean): Promise<void> {
  if (update) {
    for (const { wire, request, recording } of recorded) writeSnapshot(wire.name, request, recording)
    await tidySnapshots(requestNames)
  }
  for (const { wire, request, recording } of recorded) {
    const difference = differenceFromSnapshot(wire.name, request, recording)
    if (difference !== undefined) failures.add(wire, request, 'snapshot', difference)
  }
}
