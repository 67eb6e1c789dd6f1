import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as everywhere } from 'vitest'
import { eventually } from './eventually.ts'
import { freePort } from './ports.ts'
import { startProcess } from './process.ts'

/** Debian's name for it, then that of the project. */
const PROGRAMS = ['prometheus-alertmanager', 'alertmanager']

export function alertmanagerProgram(): string | undefined {
  return PROGRAMS.find((program) => spawnSync(program, ['--version']).status === 0)
}

/** Vitest's `test` for what needs a real Alertmanager: skipped where there is none. */
export const test = everywhere.skipIf(alertmanagerProgram() === undefined)

/** An alert as Alertmanager shows it. */
export interface ShownAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
  readonly status: { readonly state: string }
}

export interface Alertmanager {
  readonly url: string
  /** The alerts that hold. */
  alerts(): Promise<readonly ShownAlert[]>
  close(): void
}

/** A real Alertmanager of the test's own, which notifies `webhook` at once. */
export async function startAlertmanager(webhook: string): Promise<Alertmanager> {
  const folder = mkdtempSync(join(tmpdir(), 'alertmanager-'))
  const settings = join(folder, 'alertmanager.yml')
  writeFileSync(
    settings,
    `route: { receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: hook, webhook_configs: [{ url: "${webhook}", send_resolved: true }] }]
`,
  )
  const url = `http://127.0.0.1:${await freePort()}`
  const child = startProcess(
    alertmanagerProgram() ?? 'alertmanager',
    [
      `--config.file=${settings}`,
      `--storage.path=${folder}`,
      `--web.listen-address=${url.slice('http://'.length)}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  await eventually(async () => (await fetch(`${url}/-/ready`)).ok)
  return {
    url,
    async alerts() {
      const response = await fetch(`${url}/api/v2/alerts`)
      const shown: readonly ShownAlert[] = JSON.parse(await response.text())
      return shown
    },
    close() {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
