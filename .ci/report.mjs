// Reads vitest's JSON reports for .ci/run. A later report's files stand in the place of the earlier one's.
//   node .ci/report.mjs files REPORT...      the files that failed, a line each
//   node .ci/report.mjs counts REPORT...     passed, failed, skipped
//   node .ci/report.mjs failures REPORT...   each failed test with its file and the first line of what it said
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

const [command, ...reports] = process.argv.slice(2)

const files = new Map()
for (const report of reports) {
  for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) files.set(file.name, file)
}

/** A file that could not be run has no tests in it, and counts as one that failed. */
function testsOf(file) {
  const tests = file.assertionResults
  const brokeItself = file.status === 'failed' && !tests.some(({ status }) => status === 'failed')
  return brokeItself ? [...tests, { status: 'failed', fullName: 'the file', failureMessages: [file.message] }] : tests
}

const all = [...files.values()].flatMap((file) =>
  testsOf(file).map((test) => ({ file: relative('.', file.name), ...test })),
)
const failures = all.filter(({ status }) => status === 'failed')
const passed = all.filter(({ status }) => status === 'passed')

if (command === 'files') {
  for (const file of new Set(failures.map(({ file }) => file))) console.log(file)
} else if (command === 'counts') {
  console.log(passed.length, failures.length, all.length - passed.length - failures.length)
} else if (command === 'failures') {
  for (const { file, fullName, failureMessages } of failures) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of a terminal
    const [first] = (failureMessages[0] ?? '').replace(/\x1b\[\d*m/g, '').split('\n', 1)
    console.log(`  ${file}: ${fullName}: ${first}`)
  }
} else {
  console.error(`There is no command ${command}.`)
  process.exit(2)
}
