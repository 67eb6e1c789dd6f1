import { upcoming } from '../../providers/index.ts'
import { ownVariables } from '../blocks/providers/providers.ts'
import { type Findings, withHint } from '../findings.ts'
import type { Variables } from './variables.ts'

/** Reports variables that are set and have no effect. `known`: names of all that have one. */
export function reportUnused(variables: Variables, known: ReadonlySet<string>, findings: Findings): void {
  reportUpcoming(variables, known, findings)
  reportUnknown(variables, known, findings)
  if (variables.inDotenvOnly('NODE_EXTRA_CA_CERTS')) {
    findings.notice('NODE_EXTRA_CA_CERTS has no effect in .env: Node reads it from the environment of the process.')
  }
}

function reportUpcoming(variables: Variables, known: ReadonlySet<string>, findings: Findings): void {
  for (const { kind, variables: short } of upcoming) {
    const set = [...short, ...Object.values(ownVariables(kind))]
      .filter((name) => !known.has(name))
      .flatMap((name) => variables.numbered([name]).map(({ from }) => from))
    if (set.length > 0) findings.notice(`${set.join(', ')}: not used yet, this version has no provider ${kind}.`)
  }
}

/** For a Service named llm-gateway Kubernetes sets variables such as LLM_GATEWAY_PORT_8080_TCP in every pod. */
const OF_KUBERNETES = /_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT(_\d+_|$)/

function reportUnknown(variables: Variables, known: ReadonlySet<string>, findings: Findings): void {
  const later = upcoming.flatMap(({ kind }) => Object.values(ownVariables(kind)))
  const all = new Set<string>([...known, ...later])
  for (const name of new Set(variables.names())) {
    const ours = name.startsWith('LLM_GATEWAY_') && !OF_KUBERNETES.test(name)
    if (!ours || all.has(name) || all.has(name.replace(/_\d+$/, ''))) continue
    findings.notice(withHint(`${name} is not a variable of this gateway`, name, all))
  }
}
