import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { selfSigned } from '../../support/certificates.ts'
import { startGateway } from '../../support/gateway.ts'
import { freePort } from '../../support/ports.ts'
import { startProcess } from '../../support/process.ts'
import { startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'

/* The forms in which Redis comes: with TLS, and behind Sentinels. */

let folder: string
const closers: (() => unknown)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'redis-forms-'))
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  rmSync(folder, { recursive: true })
})

/** Settles when the gateway says that it uses Redis. */
async function expectWell(url: string, env = {}): Promise<void> {
  const gateway = await startGateway({
    yaml: 'providers: { sim: { kind: simulator } }',
    env: { REDIS_URL: url, ...env },
  })
  closers.push(() => gateway.close())
  await gateway.logged(({ message }) => message === 'Redis is available')
}

test('Redis over TLS, when its certificate is trusted', async () => {
  const { key, cert } = selfSigned('IP:127.0.0.1')
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  writeFileSync(keyFile, key)
  writeFileSync(certFile, cert)
  const port = await freePort()
  const files = ['--tls-key-file', keyFile, '--tls-cert-file', certFile, '--tls-ca-cert-file', certFile]
  const redis = await startRedis('--tls-port', String(port), ...files, '--tls-auth-clients', 'no')
  closers.push(() => redis.close())
  await expectWell(`rediss://127.0.0.1:${port}`, { NODE_EXTRA_CA_CERTS: certFile })
  const distrustful = await startGateway({
    yaml: 'providers: { sim: { kind: simulator } }',
    env: { REDIS_URL: `rediss://127.0.0.1:${port}` },
  })
  closers.push(() => distrustful.close())
  const line = await distrustful.logged(({ message }) => String(message).startsWith('Redis is '))
  expect(line['message']).toMatch(/^Redis is unavailable \((DEPTH_ZERO_SELF_SIGNED_CERT|no reply)\)\./)
})

test('the master that a Sentinel names', async () => {
  const redis = await startRedis()
  closers.push(() => redis.close())
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor main 127.0.0.1 ${redis.port} 1\n`)
  const sentinel = startProcess('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  closers.push(async () => {
    const gone = once(sentinel, 'exit')
    sentinel.kill('SIGKILL')
    await gone
  })
  await expectWell(`redis+sentinel://127.0.0.1:${await freePort()},127.0.0.1:${port}/main`)
  const client = await redis.client()
  expect(await client.client('LIST')).toContain('name=llm-gateway')
})
