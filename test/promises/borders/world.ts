import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { portOf, type RunningGateway, startGateway } from '../../support/gateway.ts'
import { makeTlsFiles } from '../../support/tls-files.ts'
import { json, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'
import { type SecondCaller, startSecondCaller } from './second-caller.ts'

export const KEYS = { alice: 'alice-key-0123456789abcdef', bob: 'bob-key-0123456789abcdef' }
/** As an operator would write it: the heap of a small container. */
const HEAP = { NODE_OPTIONS: '--max-old-space-size=768' }

/** With keys, without authentication, or with keys and TLS. */
export type Kind = 'keys' | 'open' | 'TLS'

/** A gateway that is attacked, and a caller whom that must not concern. */
export interface World {
  readonly gateway: RunningGateway
  readonly grpc: number
  readonly http: number
  readonly metrics: number
  readonly second: SecondCaller
  close(): Promise<void>
}

const AUTH = `auth: { keys: [{ name: alice, key: "\${ALICE}" }, { name: bob, key: "\${BOB}" }] }`

export async function startWorld(kind: Kind): Promise<World> {
  const upstream = await startUpstream(exceeds)
  const folder = mkdtempSync(join(tmpdir(), 'borders-'))
  const gateway = await startGateway({
    yaml: `
${kind === 'open' ? '' : AUTH}
${kind === 'TLS' ? `server: { tls: ${tlsIn(folder)} }` : ''}
providers:
  sim: { kind: simulator }
  house: { kind: local, base_url: "${upstream.url}", default_model: m }
`,
    env: { ...HEAP, ...(kind !== 'open' && { ALICE: KEYS.alice, BOB: KEYS.bob }) },
  })
  const scheme = kind === 'TLS' ? 'https' : 'http'
  const [grpc, http] = [portOf(gateway.grpc), portOf(gateway.http)]
  const second = await startSecondCaller({
    grpc: `${scheme}://127.0.0.1:${grpc}`,
    http: `${scheme}://127.0.0.1:${http}`,
    key: kind === 'open' ? undefined : KEYS.bob,
  })
  return {
    gateway,
    grpc,
    http,
    metrics: Number(new URL(gateway.metrics).port),
    second,
    close: () => closeAll({ gateway, upstream, second, folder }),
  }
}

interface Opened {
  readonly gateway: RunningGateway
  readonly upstream: UpstreamServer
  readonly second: SecondCaller
  readonly folder: string
}

async function closeAll({ gateway, upstream, second, folder }: Opened): Promise<void> {
  await second.close()
  await gateway.close()
  await upstream.close()
  rmSync(folder, { recursive: true })
}

function tlsIn(folder: string): string {
  const { cert, key } = makeTlsFiles()
  writeFileSync(join(folder, 'cert.pem'), cert)
  writeFileSync(join(folder, 'key.pem'), key)
  return `{ cert: "${folder}/cert.pem", key: "${folder}/key.pem" }`
}

/** A failure of a vendor whose words take a careless pattern quadratic time. */
const exceeds = json({ error: { message: 'exceed'.repeat(1365), type: 'invalid_request_error' } }, 400)
