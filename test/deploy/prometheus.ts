import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { freePort } from '../support/ports.ts'
import { startProcess } from '../support/process.ts'

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  /** The time in seconds, and the value as text. */
  readonly value: readonly [number, string]
}

export interface Rule {
  readonly name: string
  readonly health: string
  readonly lastError?: string
}

export interface Prometheus {
  /** Rejects when Prometheus cannot answer it. */
  query(expression: string): Promise<readonly Sample[]>
  rules(): Promise<readonly Rule[]>
  close(): Promise<void>
}

interface Settings {
  global: Record<string, string>
  scrape_configs: { static_configs: { targets: string[] }[] }[]
}

/** Starts Prometheus with the files of a folder, looking each second at `target` in place of what they name. */
export async function startPrometheus(options: { files: string; folder: string; target: string }): Promise<Prometheus> {
  const { files, folder, target } = options
  mkdirSync(folder)
  cpSync(join(files, 'alerts.yml'), join(folder, 'alerts.yml'))
  const settings: Settings = parse(readFileSync(join(files, 'prometheus.yml'), 'utf8'))
  settings.global = { scrape_interval: '1s', evaluation_interval: '1s' }
  for (const { static_configs } of settings.scrape_configs) for (const each of static_configs) each.targets = [target]
  writeFileSync(join(folder, 'prometheus.yml'), stringify(settings))
  const address = `127.0.0.1:${await freePort()}`
  const child = startProcess(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const ended = once(child, 'close')
  const prometheus = {
    query: async (expression: string) => {
      const { result }: { result: readonly Sample[] } = await ask(address, 'query', { query: expression })
      return result
    },
    rules: async () => {
      const { groups }: { groups: readonly { rules: readonly Rule[] }[] } = await ask(address, 'rules')
      return groups.flatMap(({ rules }) => rules)
    },
    close: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
  try {
    await eventually(() => ask(address, 'status/buildinfo'))
    return prometheus
  } catch (error) {
    await prometheus.close()
    throw error
  }
}

/** https://prometheus.io/docs/prometheus/latest/querying/api/ */
async function ask<Data>(address: string, path: string, parameters: Record<string, string> = {}): Promise<Data> {
  const response = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`)
  const { status, error, data } = (await response.json()) as { status: string; error?: string; data: Data } // as its API says
  if (status !== 'success') throw new Error(error)
  return data
}

/** Tries until it does not reject. Rejects with its last error after 60 s. */
export async function eventually<Value>(attempt: () => Promise<Value>): Promise<Value> {
  const end = Date.now() + 60_000
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  }
}
