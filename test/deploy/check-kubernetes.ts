import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execute, mustExecute } from '../interop/execute.ts'
import { pythonWith } from '../interop/tools.ts'
import { type Manifests, manifestFiles, normalised, parseManifests, readManifests } from './manifests.ts'
import { messageOf, type Report } from './report.ts'
import { helm } from './tools.ts'

/** The oldest one that has gRPC probes for all, and the newest one whose schemas the validator brings. */
const VERSIONS = ['1.27', '1.37']
const TIME = 120_000

/** What is worth setting, and so must make manifests that Kubernetes takes. */
const variants: Readonly<Record<string, readonly string[]>> = {
  TLS: ['--set', 'tls.secret=certificate'],
  'a ledger on a volume': ['--set', 'ledger.store=sqlite,ledger.storageClass=fast'],
  'no autoscaler, no policy, no budget': [
    '--set',
    'autoscaling.enabled=false,networkPolicy.enabled=false,disruptionBudget.enabled=false',
  ],
  'a Secret of its own': ['--set', 'secret.existing=keys,imagePullSecrets[0].name=registry'],
  'more of everything': [
    '--set-json',
    'networkPolicy.egress=[{"to":[{"podSelector":{}}]}]',
    '--set-json',
    'env=[{"name":"JWT_SECRET","valueFrom":{"secretKeyRef":{"name":"jwt","key":"secret"}}}]',
    '--set',
    'nodeSelector.pool=small,tolerations[0].operator=Exists,service.annotations.team=platform',
  ],
}

/** Manifests against the schemas of Kubernetes, and the chart against the manifests. */
export async function checkKubernetes(report: Report, { root, folder }: { root: string; folder: string }) {
  const plain = join(root, 'deploy/kubernetes')
  const validator = await validatorFor(report)
  if (validator) await checkSchemas(report, validator, plain, folder)
  else report.skip('the manifests fit the schemas of Kubernetes', 'the validator cannot be had')
  let command: string
  try {
    command = await helm()
  } catch (error) {
    return report.skip('the chart makes the plain manifests', `helm cannot be had: ${messageOf(error)}`)
  }
  const chart = join(root, 'deploy/helm/llm-gateway')
  await report.check('helm lint finds nothing wrong with the chart', () =>
    mustExecute({ command, args: ['lint', '--strict', '--kube-version', '1.34.0', chart], timeout: TIME }),
  )
  const render = (name: string, options: readonly string[] = []) => {
    const args = ['template', name, chart, '--kube-version', '1.34.0', ...options]
    return mustExecute({ command, args, timeout: TIME })
  }
  await report.check('the chart makes the plain manifests', async () => {
    assert.deepEqual(comparable(parseManifests(await render('llm-gateway'))), comparable(readManifests(plain)))
  })
  await report.check('with a ledger on a volume the chart makes the plain StatefulSet', async () => {
    const made = parseManifests(await render('llm-gateway', ['--set', 'ledger.store=sqlite']))
    const name = 'StatefulSet llm-gateway'
    assert.deepEqual(normalised(made.get(name)), normalised(readManifests(join(plain, 'sqlite')).get(name)))
    assert.ok(!made.has('Deployment llm-gateway') && !made.has('HorizontalPodAutoscaler llm-gateway'))
  })
  await report.check('under another name nothing of it has the name of this one', async () => {
    const names = [...parseManifests(await render('second')).keys()].map((name) => name.split(' ')[1])
    assert.ok(names.every((name) => name?.startsWith('second-llm-gateway')))
  })
  await report.check('with TLS it is probed in cleartext, at a port of its own', async () => {
    const deployment = JSON.stringify(
      parseManifests(await render('tls', variants['TLS'])).get('Deployment tls-llm-gateway'),
    )
    assert.equal(deployment.match(/"grpc":\{"port":8081/g)?.length, 3)
    assert.match(deployment, /"name":"LLM_GATEWAY_HEALTH_ADDRESS","value":"0\.0\.0\.0:8081"/)
  })
  if (!validator) return
  for (const [name, options] of Object.entries(variants)) {
    await report.check(`the chart with ${name} fits the schemas`, async () => {
      const path = join(folder, 'variant.yaml')
      writeFileSync(path, await render('llm-gateway', options))
      await validator([path], VERSIONS.at(-1) ?? '')
    })
  }
}

/** Resolves with how many resources were looked at; rejects when one does not fit. */
type Validator = (files: readonly string[], version: string) => Promise<number>

async function validatorFor(report: Report): Promise<Validator | undefined> {
  try {
    const python = await pythonWith(fileURLToPath(new URL('requirements.txt', import.meta.url)))
    report.say('validator: the package kubernetes-validate from PyPI, strict, with the schemas that it brings')
    return async (files, version) => {
      const args = ['-m', 'kubernetes_validate', '--strict', '--kubernetes-version', version, ...files]
      const { exitCode, stdout, stderr } = await execute({ command: python, args, timeout: TIME })
      if (exitCode !== 0)
        throw new Error(
          `${stdout}${stderr}`
            .split('\n')
            .filter((line) => !/ passed /.test(line))
            .join(' '),
        )
      return `${stdout}${stderr}`.match(/ passed for resource /g)?.length ?? 0
    }
  } catch (error) {
    report.say(`the validator cannot be had: ${messageOf(error)}`)
    return undefined
  }
}

async function checkSchemas(report: Report, validate: Validator, plain: string, folder: string): Promise<void> {
  const files = [...manifestFiles(plain), ...manifestFiles(join(plain, 'sqlite'))]
  const count = readManifests(plain).size + readManifests(join(plain, 'sqlite')).size
  for (const version of VERSIONS) {
    await report.check(`the manifests fit the schemas of Kubernetes ${version}`, async () => {
      assert.equal(await validate(files, version), count)
    })
  }
  await report.check('a manifest with a word spelt wrong does not fit', async () => {
    const path = join(folder, 'wrong.yaml')
    const right = readFileSync(join(plain, 'deployment.yaml'), 'utf8')
    writeFileSync(path, right.replace('readinessProbe', 'readynessProbe'))
    await assert.rejects(validate([path], VERSIONS.at(-1) ?? ''))
  })
}

function comparable(manifests: Manifests): unknown {
  return normalised(Object.fromEntries(manifests))
}
