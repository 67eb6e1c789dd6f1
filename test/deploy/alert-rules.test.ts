import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { alertName } from '../../src/telemetry/alerts/receivers/formats/alertmanager.ts'
import { alertEvents } from '../../src/telemetry/alerts/settings.ts'

interface Rule {
  readonly alert: string
  readonly labels: { readonly severity: string; readonly event?: string }
}

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const { groups }: { groups: readonly { rules: readonly Rule[] }[] } = parse(read('deploy/prometheus/alerts.yml'))
const rules = groups.flatMap((group) => group.rules).filter(({ labels }) => labels.event !== undefined)

it('each event has one rule, under the name that the gateway gives it at an Alertmanager', () => {
  expect(rules.map(({ labels }) => labels.event).toSorted()).toEqual([...alertEvents].toSorted())
  expect(rules.map(({ alert }) => alert)).toEqual(rules.map(({ labels }) => alertName(labels.event ?? '')))
})

it('docs/alerts.md describes each event, and no other', () => {
  const [, table = ''] = /## Events\n([\s\S]*?)\n## /.exec(read('docs/alerts.md')) ?? []
  const documented = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, event]) => event)
  expect(documented.toSorted()).toEqual([...alertEvents].toSorted())
})
