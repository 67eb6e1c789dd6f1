import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { createLog } from '../../../src/telemetry/log/log.ts'
import { ManualClock, usage, world } from '../../support/telemetry-world.ts'

function parsed(lines: readonly string[]): Record<string, unknown>[] {
  return lines.map((line) => {
    expect(line.indexOf('\n')).toBe(line.length - 1)
    return JSON.parse(line) as Record<string, unknown>
  })
}

test('a call is one line with what is known of it', async () => {
  const { run, lines } = world()
  await run({
    operation: 'stream_chat',
    request: { userId: 'u-1', sessionId: 's-1', labels: { team: 'blue' } },
    attempts: [
      { target: 'two/large', error: new GatewayError('UPSTREAM_TIMEOUT', 'Slow.'), firstEvent: 10 },
      { target: 'one/small', firstEvent: 20.5, rest: 80, usage: usage(3, 4), usd: 0.001 },
    ],
  })
  expect(parsed(lines)).toEqual([
    {
      level: 'info',
      time: '2026-01-01T00:00:01.110Z',
      message: 'call',
      request_id: 'req-1',
      operation: 'stream_chat',
      caller: 'web',
      peer: '10.0.0.9:4242',
      provider: 'one',
      model: 'small',
      status: 'OK',
      finish_reason: 'stop',
      input_tokens: 3,
      output_tokens: 4,
      cost_usd: 0.001,
      latency_ms: 110.5,
      ttft_ms: 30.5,
      upstream_latency_ms: 100.5,
      attempts: [
        { provider: 'two', model: 'large', outcome: 'failed', reason: 'UPSTREAM_TIMEOUT' },
        { provider: 'one', model: 'small', outcome: 'ok' },
      ],
      fallback_used: true,
      user_id: 'u-1',
      session_id: 's-1',
      labels: { team: 'blue' },
    },
  ])
})

test.each([
  [new GatewayError('UPSTREAM_TIMEOUT', 'x'), 'warn', 'UNAVAILABLE'],
  [new GatewayError('CANCELLED', 'x'), 'info', 'CANCELLED'],
  [new GatewayError('MODEL_NOT_FOUND', 'x'), 'info', 'NOT_FOUND'],
  [new GatewayError('INTERNAL', 'x'), 'error', 'INTERNAL'],
])('a call that failed says why: %s', async (refusal, level, status) => {
  const { run, lines } = world()
  await run({ refusal, request: { model: 'asked/for' } })
  expect(parsed(lines)).toMatchObject([{ level, status, reason: refusal.reason, model: 'asked/for' }])
})

test('a call that a vendor refused says with which status and code, and what it said at debug only', async () => {
  const upstream = { status: 429, code: 'slow_down', message: 'Slow down: "canary-prompt".' }
  const error = new GatewayError('UPSTREAM_RATE_LIMITED', 'x', { upstream })
  const facts = { reason: 'UPSTREAM_RATE_LIMITED', upstream_status: 429, upstream_code: 'slow_down' }
  for (const level of ['info', 'debug'] as const) {
    const { run, lines } = world({ level })
    await run({ attempts: [{ target: 'one/small', error }] })
    const [call, attempt, ...more] = parsed(lines)
    expect(call).toMatchObject({ message: 'call', ...facts, attempts: [facts] })
    expect(JSON.stringify(call)).not.toContain('canary')
    expect(more).toEqual([])
    if (level === 'info') expect(attempt).toBeUndefined()
    else
      expect(attempt).toMatchObject({ message: 'attempt failed', level, ...facts, upstream_message: upstream.message })
  }
})

test('hostile texts stay inside their strings and are cut', async () => {
  const hostile = '"}\n{"level":"error"}\u001b[31m\u2028\ud800\u0000%0a'
  const { run, lines } = world()
  const labels = { [hostile]: hostile, long: 'x'.repeat(1_000_000) }
  await run({ request: { model: hostile, userId: hostile, sessionId: 'y'.repeat(1_000_000), labels } })
  const [line] = parsed(lines)
  expect(line).toMatchObject({ model: hostile, user_id: hostile, session_id: 'y'.repeat(256) })
  expect(line?.['labels']).toEqual({ [hostile]: hostile, long: 'x'.repeat(256) })
  expect(lines.join('')).not.toContain('\u001b')
  expect(Buffer.from(lines.join(''), 'utf8').toString('utf8')).toBe(lines.join(''))
})

test('no prompt, answer or credential is ever logged', async () => {
  const { run, lines } = world()
  const script = { target: 'one/small', usage: usage(1, 1) }
  await run({ headers: { authorization: 'Bearer canary-header' }, attempts: [script] })
  await run({ operation: 'stream_chat', cancelled: true, attempts: [script] })
  expect(lines).toHaveLength(2)
  expect(lines.join('')).not.toContain('canary')
})

test('a failure of this program says where, not with what', async () => {
  const { run, lines } = world()
  let cause: unknown
  try {
    JSON.parse('{"prompt": canary-prompt}')
  } catch (error) {
    cause = new Error('https://user:canary-1@host/v1?key=canary-2 "canary-3\n  at canary-4:1:1" Bearer canary-5', {
      cause: error,
    })
  }
  await run({ refusal: GatewayError.from(cause) })
  const [line] = parsed(lines)
  expect(line).toMatchObject({
    error: { name: 'Error', message: 'https://***@host/v1?*** "***" Bearer ***', cause: { name: 'SyntaxError' } },
  })
  expect(JSON.stringify(line?.['error'])).toContain('log.test.ts')
  expect(lines.join('')).not.toContain('canary')
})

test('a key inside a message is cut out', () => {
  const lines: string[] = []
  const log = createLog({ clock: new ManualClock(), destination: { write: (line) => void lines.push(line) } })
  log.failure('It failed.', new TypeError('invalid value sk-proj-abcDEF123456789012345 in header'), { server: 'grpc' })
  expect(parsed(lines)).toMatchObject([
    {
      level: 'error',
      message: 'It failed.',
      server: 'grpc',
      error: { name: 'TypeError', message: 'invalid value *** in header' },
    },
  ])
})

test('a unary call has no time to its first token', async () => {
  const { run, lines } = world()
  await run({ operation: 'chat', attempts: [{ target: 'one/small', firstEvent: 5 }] })
  expect(parsed(lines)[0]).not.toHaveProperty('ttft_ms')
})

test('a model without a price is named once, by a warning', async () => {
  const { run, lines } = world({ level: 'warn' })
  const unpriced = { target: 'one/small', usage: usage(5, 5), unpriced: true }
  for (let call = 0; call < 3; call++) await run({ attempts: [unpriced] })
  await run({ attempts: [{ target: 'two/small', usage: usage(5, 5) }] })
  expect(parsed(lines)).toMatchObject([
    {
      level: 'warn',
      message: 'The model has no price, so its cost is not counted. Set one under prices.',
      provider: 'one',
      model: 'small',
    },
  ])
})

test('lines below the level are not written', async () => {
  const { run, lines, log } = world({ level: 'warn' })
  await run({ attempts: [{ target: 'one/small' }] })
  log.info('quiet')
  log.warn('loud')
  expect(parsed(lines)).toMatchObject([{ level: 'warn', message: 'loud' }])
})

test('what is written to standard output is all there after a flush', () => {
  const script = `
    import { createLog } from './src/telemetry/log/log.ts'
    import { systemClock } from './src/domain/clock.ts'
    const log = createLog({ clock: systemClock })
    for (let n = 0; n < 5000; n++) log.line('info', '"n":' + n)
    log.info('last')
    await log.flush()
    process.exit(0)`
  const output = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
    maxBuffer: 1e7,
  })
  const lines = parsed(
    output
      .trimEnd()
      .split(/(?<=\n)/)
      .map((line) => (line.endsWith('\n') ? line : `${line}\n`)),
  )
  expect(lines).toHaveLength(5001)
  expect(lines.at(-1)).toMatchObject({ message: 'last' })
})
