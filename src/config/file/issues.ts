import type { z } from 'zod'
import { type Findings, pathText } from '../findings.ts'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of keys',
  record: 'a block of keys',
}

/** Reports the issues of a schema as problems. `where`: path of the checked value. */
export function report(issues: readonly Issue[], where: Path, findings: Findings): void {
  for (const issue of issues) reportIssue(issue, [...where, ...issue.path], findings)
}

function reportIssue(issue: Issue, path: Path, findings: Findings): void {
  switch (issue.code) {
    case 'unrecognized_keys': {
      // The message of the schema has one line for each key.
      const reasons = issue.message.split('\n')
      for (const [index, key] of issue.keys.entries()) {
        findings.problem(pathText([...path, key]), reasons[index] ?? issue.message)
      }
      break
    }
    case 'invalid_union': {
      const meant = issue.errors.find(isMeant)
      if (meant) report(meant, path, findings)
      else findings.problem(pathText(path), issue.message)
      break
    }
    case 'invalid_key':
      findings.problem(pathText(path), issue.issues.map(({ message }) => message).join('; '))
      break
    case 'invalid_type':
      findings.problem(pathText(path), typeReason(issue))
      break
    default:
      findings.problem(pathText(path), issue.message)
  }
}

/** The branch of a union that was meant is the one that fails at an inner value, not at the value itself. */
function isMeant(issues: readonly Issue[]): boolean {
  return issues.some(({ path, code }) => path.length > 0 || code === 'unrecognized_keys')
}

function typeReason(issue: z.core.$ZodIssueInvalidType): string {
  if (issue.message === 'is missing' || / received undefined$/.test(issue.message)) return 'is missing'
  return `must be ${typeNames[issue.expected] ?? issue.expected}`
}
