/** buf curl, with the contract's files, over the three protocols. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { check, gateway, parse } from './checks.ts'
import { variable } from './variable.ts'

const service = 'llmgateway.v1.LlmGateway'
const question = { messages: [{ role: 'ROLE_USER', content: 'one two three' }] }
const ways = [
  { protocol: 'grpc', options: ['--http2-prior-knowledge'], url: `http://${gateway.grpc}` },
  { protocol: 'grpcweb', options: [], url: gateway.http },
  { protocol: 'connect', options: [], url: gateway.http },
]

for (const { protocol, options, url } of ways) {
  const call = (method: string, request: object) => {
    const known = ['--schema', variable('CONTRACT'), '--protocol', protocol, ...options]
    const sent = ['-H', `authorization: ${gateway.authorization}`, '-d', JSON.stringify(request)]
    const { stdout, stderr } = spawnSync(variable('BUF'), ['curl', ...known, ...sent, `${url}/${service}/${method}`], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    return { stdout, stderr }
  }

  await check(`Chat over ${protocol}`, () => {
    const { stdout, stderr } = call('Chat', question)
    assert.equal(stderr, '')
    assert.equal(parse(stdout)['message']?.['content'], 'one two three')
  })

  await check(`StreamChat over ${protocol}`, () => {
    const { stdout } = call('StreamChat', question)
    const kinds = stdout.split(/^(?=\{)/m).flatMap((event) => Object.keys(parse(event)))
    assert.deepEqual(kinds, ['start', 'text', 'text', 'text', 'finish'])
  })

  await check(`an error over ${protocol}`, () => {
    const { stderr } = call('Chat', { ...question, model: 'hopeless' })
    const error = parse(stderr)
    assert.equal(error['code'], 'unavailable')
    assert.equal(Object.values(error['details'] ?? {}).length, 3)
  })
}

await check('server reflection in place of the files', () => {
  const address = `http://${gateway.grpc}/grpc.health.v1.Health/Check`
  const over = ['--protocol', 'grpc', '--http2-prior-knowledge']
  const { stdout, stderr } = spawnSync(variable('BUF'), ['curl', ...over, '-d', '{}', address], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  assert.equal(stderr, '')
  assert.equal(parse(stdout)['status'], 'SERVING')
})
