import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const script = readFileSync('.ci/run', 'utf8')
const steps = /^steps=\(([^)]*)\)/m.exec(script)?.[1]?.split(' ') ?? []
const { jobs } = parse(readFileSync('.github/workflows/ci.yml', 'utf8'))

test('every step of .ci/run has a function, and every function is a step', () => {
  const functions = Array.from(script.matchAll(/^run_([\w-]+)\(\)/gm), ([, name]) => name)
  expect(functions.toSorted()).toEqual(steps.toSorted())
})

test('the workflow runs every step but the one whose recorded replies are not in the repository', () => {
  expect([...jobs.step.strategy.matrix.step, 'deploy', 'conformance'].toSorted()).toEqual(steps.toSorted())
  expect(jobs.deploy.steps.at(-1).run).toBe('.ci/run deploy')
})

test('the scripts that pages and workflows name exist', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  const pages = ['CONTRIBUTING.md', 'README.md', 'RELEASING.md', '.ci/run', '.github/PULL_REQUEST_TEMPLATE.md']
  for (const page of pages) {
    for (const [, name = ''] of readFileSync(page, 'utf8').matchAll(/\bnpm run (?:--silent )?([\w:]+)/g)) {
      expect(Object.keys(scripts), `${page} names npm run ${name}`).toContain(name)
    }
  }
})
