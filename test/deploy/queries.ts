import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** A question to Prometheus, and where it is asked. */
export interface Query {
  readonly name: string
  readonly expression: string
}

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

/** The queries of a Grafana dashboard, with everything chosen. */
export function dashboardQueries(path: string): readonly Query[] {
  const { panels }: { panels: readonly Panel[] } = JSON.parse(readFileSync(path, 'utf8'))
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      name: title,
      expression: expr.replaceAll('$__rate_interval', '1m').replace(/\$(?:instance|provider)\b/g, '.*'),
    })),
  )
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

/** The expressions of alert rules. */
export function alertQueries(path: string): readonly Query[] {
  const { groups }: Rules = parse(readFileSync(path, 'utf8'))
  return groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ name: alert, expression: expr })))
}

/** The metrics that a query asks for. */
export function metricsIn({ expression }: Query): readonly string[] {
  const words = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '{}')
    .replace(/\b(?:by|unless|or)\s*\([^)]*\)/g, '')
  return [...new Set([...words.matchAll(/\b(?:up|[a-z]+(?:_[a-z]+)+)\b(?!\s*\()/g)].map(([name]) => name))]
}
