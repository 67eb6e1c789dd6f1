/** grpcurl, which knows of the contract only what server reflection tells it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { check, gateway, parse } from './checks.ts'
import { variable } from './variable.ts'

const service = 'llmgateway.v1.LlmGateway'
const question = { messages: [{ role: 'ROLE_USER', content: 'one two three' }] }

function grpcurl(options: readonly string[], ...what: readonly string[]) {
  const all = ['-plaintext', '-max-time', '20', ...options, gateway.grpc, ...what]
  const { stdout, stderr, status } = spawnSync(variable('GRPCURL'), all, { encoding: 'utf8' })
  return { stdout, stderr, status }
}

function call(method: string, request: object, ...options: readonly string[]) {
  const credential = ['-H', `authorization: ${gateway.authorization}`]
  return grpcurl([...credential, ...options, '-d', JSON.stringify(request)], `${service}/${method}`)
}

await check('lists the services', () => {
  const { stdout } = grpcurl([], 'list')
  const services = stdout.trim().split('\n')
  for (const name of [service, `${service}Admin`, 'grpc.health.v1.Health']) assert.ok(services.includes(name), name)
})

await check('describes a message', () => {
  const { stdout } = grpcurl([], 'describe', 'llmgateway.v1.ChatRequest')
  assert.match(stdout, /repeated \.llmgateway\.v1\.Message messages = 3;/)
})

await check('Chat', () => {
  const { stdout, stderr } = call('Chat', question)
  assert.equal(stderr, '')
  const { message, finishReason } = parse(stdout)
  assert.deepEqual([message?.['content'], finishReason], ['one two three', 'FINISH_REASON_STOP'])
})

await check('StreamChat', () => {
  const { stdout } = call('StreamChat', question)
  const events = stdout.split(/^(?=\{)/m).map(parse)
  const kinds = events.flatMap((event) => Object.keys(event))
  assert.deepEqual(kinds, ['start', 'text', 'text', 'text', 'finish'])
})

await check('an error with its details', () => {
  const { stderr, status } = call('Chat', { ...question, model: 'hopeless' }, '-format-error')
  const error = parse(stderr)
  const details = Object.values(error['details'] ?? {})
  assert.equal(status, 64 + 14)
  assert.equal(error['code'], 14)
  assert.deepEqual(
    details.map((detail) => detail['reason'] ?? detail['retryDelay'] ?? detail['attempts']?.['length']),
    ['UPSTREAM_OVERLOADED', '1s', 4],
  )
})

await check('the examples of docs/calls.md', () => {
  const example = readFileSync(new URL('../../../docs/examples/calls.sh', import.meta.url), 'utf8')
  const called = example
    .replaceAll('localhost:50051', gateway.grpc)
    .replaceAll('grpcurl -plaintext', `${variable('GRPCURL')} -plaintext -H 'authorization: ${gateway.authorization}'`)
  const { stdout, stderr, status } = spawnSync('bash', ['-c', called], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  for (const said of [
    'Say hello.',
    'Once upon a time',
    'ENSURE_MODEL_STATE_READY',
    'StreamComplete',
    '"limitUsd": 15',
  ]) {
    assert.ok(stdout.includes(said), said)
  }
})

await check('a call without a credential is refused', () => {
  const { stderr } = grpcurl(['-d', JSON.stringify(question)], `${service}/Chat`)
  assert.match(stderr, /Code: Unauthenticated/)
})

await check('health asks for no credential', () => {
  const { stdout } = grpcurl(['-d', JSON.stringify({ service })], 'grpc.health.v1.Health/Check')
  assert.equal(parse(stdout)['status'], 'SERVING')
})
