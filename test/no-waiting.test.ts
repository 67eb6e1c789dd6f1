import { expect, it } from 'vitest'
import { readSources } from './support/source-tree.ts'

const PATTERNS = [/\bsetTimeout\(/, /\bperformance\.now\(/, /\bexpect\s*\.poll\(/, /\bwaitFor\(/, /\bretry: [1-9]/]

/** Tests that wait for an amount of time, repeat themselves, or measure how long something takes. */
function waitingTests(sources: ReadonlyMap<string, string>): string[] {
  return [...sources]
    .filter(([path]) => path.endsWith('.test.ts') && !path.startsWith('test/promises/'))
    .filter(([, text]) => PATTERNS.some((pattern) => pattern.test(text)))
    .map(([path]) => path)
}

it('no test waits for an amount of time: it awaits what it expects', () => {
  const itself = 'test/no-waiting.test.ts'
  expect(waitingTests(readSources('test')).filter((path) => path !== itself)).toEqual([])
})

it.each(['await new Promise((resolve) => setTimeout(resolve, 5))', "test('x', { retry: 2 }, () => {})"])(
  'a test that waits is found: %s',
  (text) => expect(waitingTests(new Map([['test/a.test.ts', text]]))).toHaveLength(1),
)
