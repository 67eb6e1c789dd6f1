import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runProcess } from '../support/process.ts'

const USAGE = { input: 3, output: 2, cached_input: null, cache_write: null, reasoning: null, total: 5 }
const CHAT = {
  result: 'chat',
  text: 'Hello.',
  tool_calls: [],
  usage: USAGE,
  id: 'id-1',
  model: 'm-1',
  finish_reason: { raw: 'stop', mapped: 'stop' },
}

let corpus: string

beforeAll(() => {
  corpus = mkdtempSync(join(tmpdir(), 'corpus-'))
})
afterAll(() => rmSync(corpus, { recursive: true }))

function record(name: string, file: string, body: string, expected: object, fields: object = {}): void {
  const folder = join(corpus, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, file), body)
  const meta = { api: 'openai-chat', response: { file, status: 200, headers: {}, ...fields }, expected }
  writeFileSync(join(folder, 'meta.json'), JSON.stringify(meta))
}

async function run(...args: string[]) {
  const command = ['--import', 'tsx', 'test/conformance/run.ts', ...args]
  const { exitCode, stdout, stderr } = await runProcess(process.execPath, command)
  return { exitCode, lines: `${stdout}${stderr}`.trim().split('\n') }
}

it('passes what agrees, names what differs in each slicing, and says what it cannot play', async () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
  const head = { id: 'id-1', model: 'm-1' }
  const whole = { ...head, usage, choices: [{ index: 0, message: { content: 'Hello.' }, finish_reason: 'stop' }] }
  const chunks = ['Hel', 'lo.'].map((content) => ({ ...head, choices: [{ index: 0, delta: { content } }] }))
  const end = { ...head, usage, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
  const stream = [...chunks, end].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')
  const limited = { message: 'Slow down.', type: 'rate_limit' }
  const error = { status: 429, category: 'rate_limit', retry_after_seconds: 30 }
  record('openai/whole', 'response.json', JSON.stringify(whole), CHAT)
  record('openai/stream', 'response.sse', stream, CHAT)
  record(
    'openai/limited',
    'response.json',
    JSON.stringify({ error: limited }),
    { result: 'error', error },
    {
      status: 429,
      headers: { 'retry-after': '30' },
    },
  )
  record('groq/wrong', 'response.sse', stream, { ...CHAT, text: 'Bye.', usage: { ...USAGE, output: 9 } })
  record('nobody/anything', 'response.json', '{}', CHAT)

  const { exitCode, lines } = await run(corpus)

  expect(exitCode).toBe(1)
  expect(lines.filter((line) => line.includes('text'))).toEqual(
    ['bytes', 'random', 'whole'].map((slicing) => `FAIL groq/wrong (${slicing}): text: expected "Bye.", got "Hello."`),
  )
  expect(lines).toContain('FAIL groq/wrong (whole): usage output: expected 9, got 2')
  expect(lines.slice(-2)).toEqual([
    'SKIP 1: the gateway has no provider kind "nobody": nobody/anything',
    '3 passed, 1 failed, 1 skipped',
  ])
})

it('says loudly that nothing was tested where there are no recordings', async () => {
  expect(await run('/no/such/folder')).toEqual({
    exitCode: 2,
    lines: ['NOTHING WAS TESTED: there are no recordings at /no/such/folder'],
  })
})
