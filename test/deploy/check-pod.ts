import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type Container, run } from './container.ts'
import type { Image } from './image.ts'
import { type Manifests, readManifests } from './manifests.ts'
import type { Report } from './report.ts'

/** What an idle gateway may take, in MB. */
const MAX_MEMORY = 180

const texts = z.record(z.string(), z.string())
const configMap = z.object({ data: texts })
const secret = z.object({ stringData: texts })
const probe = z.object({ grpc: z.object({ port: z.number(), service: z.string().optional() }) })
const deployment = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.object({ runAsUser: z.number(), runAsGroup: z.number() }),
        containers: z.tuple([
          z.object({
            args: z.array(z.string()),
            env: z.array(z.object({ name: z.string(), value: z.string() })),
            startupProbe: probe,
            readinessProbe: probe,
            livenessProbe: probe,
          }),
        ]),
      }),
    }),
  }),
})

/** The image as the Deployment runs it: its arguments, its ConfigMap and Secret, and its probes as a kubelet sends them. */
export async function checkPod(report: Report, image: Image, context: string): Promise<void> {
  const manifests = readManifests(join(context, 'deploy/kubernetes'))
  const { spec: pod } = deployment.parse(manifests.get('Deployment llm-gateway')).spec.template
  const [{ args, env, ...probes }] = pod.containers
  const written = Object.fromEntries(env.map(({ name, value }) => [name, value]))
  const { data } = configMap.parse(manifests.get('ConfigMap llm-gateway'))
  for (const [name, text] of Object.entries(data)) writeFileSync(join(image.root, 'etc/llm-gateway', name), text)
  await report.check('the Deployment runs as the user of the image', () => {
    assert.deepEqual(pod.securityContext.runAsUser, image.user.uid)
    assert.deepEqual(pod.securityContext.runAsGroup, image.user.gid)
  })
  await report.check('with the empty Secret of the manifests it does not start, and says why', async () => {
    const closed = await run(image, { command: args, variables: written })
    assert.equal(await closed.ended(), 1)
    assert.match(closed.output(), /the environment variable WEB_KEY is not set/)
  })
  let container: Container | undefined
  await report.check('with the Secret filled in it starts', async () => {
    container = await run(image, { command: args, variables: { ...written, ...filledSecret(manifests) } })
    await container.said('"message":"ready"')
  })
  if (!container) return
  const running = container
  try {
    for (const [name, { grpc }] of Object.entries(probes)) {
      await report.check(`its ${name} succeeds`, async () => assert.equal(await ask(running, grpc), 'SERVING'))
    }
    await report.check(`idle it takes less than ${MAX_MEMORY} MB`, () => {
      const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${running.pid}/status`, 'utf8')) ?? []
      report.say(`  ${Math.round(Number(kilobytes) / 1024)} MB`)
      assert.ok(Number(kilobytes) / 1024 < MAX_MEMORY)
    })
    await report.check('while it ends it is alive and not ready, and it ends in time', async () => {
      const begin = Date.now()
      running.signal('SIGTERM')
      await running.said('"message":"shutting down"')
      assert.equal(await ask(running, probes.readinessProbe.grpc), 'NOT_SERVING')
      assert.equal(await ask(running, probes.livenessProbe.grpc), 'SERVING')
      assert.equal(await running.ended(), 0)
      assert.ok(Date.now() - begin < pod.terminationGracePeriodSeconds * 1000)
    })
  } finally {
    running.signal('SIGKILL')
  }
}

function filledSecret(manifests: Manifests): Readonly<Record<string, string>> {
  const { stringData } = secret.parse(manifests.get('Secret llm-gateway'))
  const keys = Object.fromEntries(Object.keys(stringData).map((name) => [name, name.padEnd(32, '-')]))
  // Nobody listens there: the ledger is in its journal.
  return { ...keys, LEDGER_URL: 'postgres://ledger:password@127.0.0.1:1/ledger' }
}

/** The status that a kubelet is told. */
async function ask(container: Container, { port, service = '' }: { port: number; service?: string | undefined }) {
  const command = ['node', '--input-type=module', '--eval', CHECK, '--', String(port), service]
  const { stdout, stderr } = await container.execute(command)
  assert.equal(stderr, '')
  return stdout.trim()
}

/** grpc.health.v1.Health/Check, its two messages of one field each by hand. */
const CHECK = `
  import { Client, credentials } from '@grpc/grpc-js'
  const [port, service] = process.argv.slice(1)
  const client = new Client('127.0.0.1:' + port, credentials.createInsecure())
  const encode = (name) => Buffer.concat([Buffer.from([10, name.length]), Buffer.from(name)])
  const decode = (bytes) => ['UNKNOWN', 'SERVING', 'NOT_SERVING'][bytes[1] ?? 0]
  const deadline = { deadline: Date.now() + 10_000 }
  client.makeUnaryRequest('/grpc.health.v1.Health/Check', encode, decode, service, deadline, (error, status) => {
    console.log(error ? error.message : status)
    client.close()
  })`
