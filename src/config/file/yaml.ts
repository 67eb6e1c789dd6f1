import { parseDocument } from 'yaml'
import type { Findings } from '../findings.ts'

/**
 * The tree of a YAML 1.2 file. A syntax error is reported with its place and kind, without the parser's message: that
 * quotes the file, which may hold a secret.
 */
export function parseYaml(text: string, findings: Findings): unknown {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error) {
    const [start] = error.linePos ?? []
    const place = start ? `line ${start.line}, column ${start.col}` : 'the file'
    findings.problem(place, `is not valid YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`)
    return undefined
  }
  try {
    return document.toJS()
  } catch {
    // The parser rejects a file whose aliases would expand into something huge.
    findings.problem('the file', 'uses too many aliases: write the repeated parts out')
    return undefined
  }
}
