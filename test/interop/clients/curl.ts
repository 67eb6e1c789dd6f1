/** curl, at the HTTP door: Connect's protocol in JSON, the probes, and what a browser asks. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { check, gateway, parse } from './checks.ts'

const chat = '/llmgateway.v1.LlmGateway/Chat'
const question = { messages: [{ role: 'ROLE_USER', content: 'one two three' }] }

function curl(path: string, ...options: readonly string[]) {
  const { stdout, stderr } = spawnSync('curl', ['-isS', '-m', '20', ...options, `${gateway.http}${path}`], {
    encoding: 'utf8',
  })
  assert.equal(stderr, '')
  const end = stdout.indexOf('\r\n\r\n')
  const [statusLine = '', ...headerLines] = stdout.slice(0, end).toLowerCase().split('\r\n')
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: new Map(headerLines.map((line) => line.split(': ', 2) as [string, string])), // every header has a colon
    body: stdout.slice(end + 4),
  }
}

function post(path: string, request: object, ...options: readonly string[]) {
  return curl(path, '-H', 'content-type: application/json', '-d', JSON.stringify(request), ...options)
}

const credential = ['-H', `authorization: ${gateway.authorization}`] as const

await check('Chat', () => {
  const { status, body, headers } = post(chat, question, ...credential)
  const { message, usage } = parse(body)
  assert.equal(status, 200)
  assert.equal(message?.['content'], 'one two three')
  assert.deepEqual([usage?.['input'], usage?.['output']], [4, 3])
  assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
})

await check('Chat with a key in x-api-key', () => {
  const { status } = post(chat, question, '-H', `x-api-key: ${gateway.authorization.replace('Bearer ', '')}`)
  assert.equal(status, 200)
})

await check('an error with its details', () => {
  const { status, body } = post(chat, { ...question, model: 'hopeless' }, ...credential)
  const error = parse(body)
  const types = Object.values(error['details'] ?? {}).map((detail) => detail['type'])
  assert.equal(status, 503)
  assert.equal(error['code'], 'unavailable')
  assert.deepEqual(types, ['google.rpc.ErrorInfo', 'google.rpc.RetryInfo', 'llmgateway.v1.ErrorDetail'])
})

await check('a misspelt field and a wrong value are refused', () => {
  for (const wrong of [{ tempersture: 1 }, { temperature: 'hot' }]) {
    const { status, body } = post(chat, { ...question, ...wrong }, ...credential)
    assert.equal(status, 400)
    assert.match(body, /"invalid_argument"/)
  }
})

await check('a call without a credential is refused', () => {
  assert.equal(post(chat, question).status, 401)
})

await check('/healthz and /readyz', () => {
  for (const path of ['/healthz', '/readyz']) {
    const { status, body, headers } = curl(path)
    assert.deepEqual([status, body], [200, 'ok\n'])
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
  }
})

await check('a CORS preflight from a configured origin, and from another', () => {
  const asks = ['-X', 'OPTIONS', '-H', 'access-control-request-method: POST'] as const
  const welcome = curl(chat, ...asks, '-H', 'origin: https://app.example.com')
  assert.equal(welcome.status, 204)
  assert.equal(welcome.headers.get('access-control-allow-origin'), 'https://app.example.com')
  assert.match(welcome.headers.get('access-control-allow-headers') ?? '', /authorization/)
  const stranger = curl(chat, ...asks, '-H', 'origin: https://elsewhere.example.com')
  assert.equal(stranger.headers.has('access-control-allow-origin'), false)
})

await check('any other path is not found', () => {
  assert.equal(curl('/').status, 404)
})
