import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, isThere } from '../interop/tools.ts'
import { checkPod } from './check-pod.ts'
import { type Container, run } from './container.ts'
import { type Image, inside, isolated, makeBase, replay } from './image.ts'
import { messageOf, type Report } from './report.ts'

/** What an image may hold besides Node: no package manager. */
const PACKAGE_MANAGERS = ['npm', 'npx', 'corepack', 'yarn', 'pnpm']

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>
}

/** Builds the image without a container engine, and runs it as one would. */
export async function checkImage(report: Report, { root: context, folder }: { root: string; folder: string }) {
  const obstacle = await whyNot()
  if (obstacle !== undefined) return report.skip('the image is built and run', obstacle)
  const base = join(folder, 'base')
  try {
    await makeBase(base, cacheFolder('node24'))
  } catch (error) {
    return report.skip('the image is built and run', `Node 24 cannot be had: ${messageOf(error)}`)
  }
  let image: Image | undefined
  await report.check('the steps of the Dockerfile succeed in an empty folder', async () => {
    image = await replay({ context, base, folder: join(folder, 'stages'), say: (line) => report.say(`  ${line}`) })
  })
  if (!image) return
  await checkContent(report, image, context)
  await checkRunning(report, image, context)
  await checkPod(report, image, context)
}

async function whyNot(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'it needs root, for namespaces of its own'
  if (!(await isThere(...isolated(['--mount', '--pid', '--net'], ['ip', 'link', 'set', 'lo', 'up'])))) {
    return 'it needs namespaces of its own: setpriv, unshare and ip, and a machine that allows them'
  }
  return undefined
}

async function checkContent(report: Report, image: Image, context: string): Promise<void> {
  await report.check('it holds no package manager', () => {
    const found = PACKAGE_MANAGERS.flatMap((name) =>
      ['usr-local/bin', 'usr-local/lib/node_modules'].map((where) => join(image.root, where, name)),
    )
    assert.deepEqual(found.filter(existsSync), [])
  })
  await report.check('it holds the packages of the lock file without those for development', () => {
    const { packages }: Lock = JSON.parse(readFileSync(join(context, 'package-lock.json'), 'utf8'))
    const wanted = Object.entries(packages).filter(
      ([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional,
    )
    const development = Object.entries(packages).filter(([, { dev }]) => dev)
    const isThere = ([path]: readonly [string, unknown]) => existsSync(inside(image, path))
    assert.ok(development.length > 50, 'the lock file tells which are for development')
    assert.deepEqual(
      development.filter(isThere).map(([path]) => path),
      [],
    )
    assert.ok(wanted.filter(isThere).length > 30, 'those for production are there')
  })
  await report.check('it holds what runs, and neither sources, tests nor configuration', () => {
    const names = readdirSync(inside(image, '.')).toSorted()
    assert.deepEqual(names, ['LICENSE', 'dist', 'gen', 'node_modules', 'package.json'])
  })
  await report.check('it names an unprivileged user', () => assert.ok(image.user.uid > 0 && image.user.gid > 0))
}

async function checkRunning(report: Report, image: Image, context: string): Promise<void> {
  mkdirSync(join(image.root, 'etc/llm-gateway'))
  cpSync(join(context, 'docs/examples/simulator.yaml'), join(image.root, 'etc/llm-gateway/gateway.yaml'))
  let container: Container | undefined
  await report.check('it starts', async () => {
    container = await run(image, { variables: { LLM_GATEWAY_CONFIG: '/etc/llm-gateway/gateway.yaml' } })
    await container.said('"message":"ready"')
  })
  if (!container) return
  const running = container
  try {
    await checkProcess(report, image, running)
    await checkEnd(report, image, running)
  } finally {
    running.signal('SIGKILL')
  }
}

async function checkProcess(report: Report, image: Image, container: Container): Promise<void> {
  await report.check('the gateway is process 1, unprivileged', async () => {
    const status = readFileSync(`/proc/${container.pid}/status`, 'utf8')
    assert.match(status, /^NSpid:\t\d+\t1$/m)
    assert.match(status, new RegExp(`^Uid:\t${image.user.uid}\t${image.user.uid}\t`, 'm'))
    assert.match(status, /^CapEff:\t0+$/m)
    assert.match(readFileSync(`/proc/${container.pid}/cmdline`, 'utf8'), /^node\0.*llm-gateway\0serve\0$/)
  })
  await report.check('it runs on Node 24, and no npm can be called', async () => {
    const { stdout } = await container.execute(['node', '--version'])
    assert.match(stdout, /^v24\./)
    assert.equal((await container.execute(['npm', '--version'])).exitCode, 127)
  })
  await report.check('nothing of it can be written', async () => {
    for (const path of ['/app/dist/main.js', '/usr/local/bin/llm-gateway', '/etc/passwd']) {
      assert.notEqual((await container.execute(['sh', '-c', `echo >> ${path}`])).exitCode, 0, path)
    }
  })
  await report.check('HEALTHCHECK says that it is well', async () => {
    const { exitCode, stderr } = await container.execute(image.healthcheck)
    assert.equal(exitCode, 0, stderr)
  })
  await report.check('it answers a call', async () => {
    const { stdout, stderr } = await container.execute(['node', '--input-type=module', '--eval', CALL])
    assert.match(stdout, /"content":"Still here\?"/, stderr)
  })
}

const CALL = `
  const response = await fetch('http://127.0.0.1:8080/llmgateway.v1.LlmGateway/Chat', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'ROLE_USER', content: 'Still here?' }] }),
  })
  console.log(await response.text())`

async function checkEnd(report: Report, image: Image, container: Container): Promise<void> {
  await report.check('after SIGTERM HEALTHCHECK says so, and it ends by itself with 0', async () => {
    container.signal('SIGTERM')
    await container.said('"message":"shutting down"')
    assert.equal((await container.execute(image.healthcheck)).exitCode, 1)
    assert.equal(await container.ended(), 0)
  })
}
