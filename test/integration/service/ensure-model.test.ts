import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EnsureModelState, LlmGateway, LlmGatewayAdmin } from '../../../src/domain/types.ts'
import type { CallOptions } from '../../support/client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { type Exchange, json, type Reply, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Pulls of models, over real sockets, from servers that say what Ollama, Docker Model Runner and LM Studio say. */

const { STARTING, PULLING, FINISHING, READY } = EnsureModelState

let upstream: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient
/** Names that the server lists. */
let listed: string[]
let pull: Reply

beforeAll(async () => {
  upstream = await startUpstream((exchange) => replyTo(exchange))
  const { url } = upstream
  gateway = await startGateway({
    yaml: `
auth:
  keys:
    - { name: ops, key: "$\{OPS}", admin: true }
    - { name: web, key: "$\{WEB}" }
providers:
  ollama: { base_url: "${url}", default_model: llama3.2 }
  impatient: { kind: ollama, base_url: "${url}", timeout: { idle: 200ms } }
  gone: { kind: ollama, base_url: "http://127.0.0.1:9" }
  dmr: { kind: docker-model-runner, base_url: "${url}/engines/v1" }
  studio: { kind: lmstudio, base_url: "${url}/v1" }
  vllm: { base_url: "${url}/v1" }
`,
    env: { OPS: 'ops-key-0123456789abcdef', WEB: 'web-key-0123456789abcdef' },
  })
  client = new GrpcClient(gateway.grpc)
})

beforeEach(() => {
  upstream.hits.length = 0
  listed = []
  pull = says(...OLLAMA)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
})

function replyTo(exchange: Exchange): void {
  const { path } = exchange.hit
  if (path === '/api/tags') json({ models: listed.map((name) => ({ name, model: name })) })(exchange)
  else if (path.endsWith('/v1/models')) json({ data: listed.map((id) => ({ id })) })(exchange)
  else pull(exchange)
}

/** Lines of JSON, each in a chunk of its own, and then nothing until `end`. */
function says(...lines: readonly object[]): Reply {
  return ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    for (const line of lines) response.write(`${JSON.stringify(line)}\n`)
    response.end()
  }
}

/** Sends these lines, and continues when the test says so. */
function begins(...lines: readonly object[]) {
  let response: Exchange['response'] | undefined
  const write = (line: object) => response?.write(`${JSON.stringify(line)}\n`)
  const reply: Reply = (exchange) => {
    response = exchange.response
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    for (const line of lines) write(line)
  }
  return {
    reply,
    write,
    end: () => response?.end(),
    destroy: () => response?.destroy(),
  }
}

const OLLAMA = [
  { status: 'pulling manifest' },
  { status: 'pulling aaaa', digest: 'sha256:aaaa', total: 800 },
  { status: 'pulling aaaa', digest: 'sha256:aaaa', total: 800, completed: 400 },
  { status: 'pulling aaaa', digest: 'sha256:aaaa', total: 800, completed: 800 },
  { status: 'pulling bbbb', digest: 'sha256:bbbb', total: 200, completed: 200 },
  { status: 'verifying sha256 digest' },
  { status: 'writing manifest' },
  { status: 'success' },
] as const

const asOps = { metadata: { authorization: 'Bearer ops-key-0123456789abcdef' } }

function ensure(provider: string, model: string, options: CallOptions = {}) {
  return client.stream(LlmGatewayAdmin.method.ensureModel, { provider, model }, { ...asOps, ...options })
}

/** Settles once a pull has reported this status. */
function watching(provider: string, model: string, status: string) {
  let seen = () => {}
  const reached = new Promise<void>((resolve) => {
    seen = resolve
  })
  const leaving = new AbortController()
  const over = ensure(provider, model, {
    signal: leaving.signal,
    onMessage: (message) => {
      if ((message as { status: string }).status === status) seen()
    },
  })
  return { reached, over, leave: () => leaving.abort() }
}

const pulls = () => upstream.hits.filter(({ path }) => !path.endsWith('tags') && !path.endsWith('models'))

describe('a pull of Ollama', () => {
  test('reports its progress until the model is there', async () => {
    const { messages, error } = await ensure('ollama', 'gemma3:1b')
    expect(error).toBeUndefined()
    expect(pulls().map(({ path, json }) => [path, json])).toEqual([['/api/pull', { model: 'gemma3:1b', stream: true }]])
    expect(
      messages.map(({ state, status, doneBytes, totalBytes, percent }) => [
        state,
        status,
        doneBytes,
        totalBytes,
        percent,
      ]),
    ).toEqual([
      [STARTING, 'looking for the model', 0n, 0n, 0],
      [STARTING, 'pulling manifest', 0n, 0n, 0],
      [PULLING, 'pulling aaaa', 0n, 800n, 0],
      [PULLING, 'pulling aaaa', 400n, 800n, 50],
      [PULLING, 'pulling aaaa', 800n, 800n, 100],
      [PULLING, 'pulling bbbb', 1000n, 1000n, 100],
      [FINISHING, 'verifying sha256 digest', 1000n, 1000n, 100],
      [FINISHING, 'writing manifest', 1000n, 1000n, 100],
      [READY, 'success', 1000n, 1000n, 100],
    ])
  })

  test.each(['llama3.2', 'llama3.2:latest', 'ollama/llama3.2', ''])(
    'asks for nothing where the model is there already: %j',
    async (model) => {
      listed = ['llama3.2:latest']
      const { messages, error } = await ensure('ollama', model)
      expect(error).toBeUndefined()
      expect(messages.at(-1)).toMatchObject({ state: READY, percent: 100 })
      expect(pulls()).toEqual([])
    },
  )

  test('is one pull for concurrent requests, which goes on while one of them waits for it', async () => {
    const server = begins({ status: 'pulling manifest' })
    pull = server.reply
    const first = watching('ollama', 'qwen3', 'pulling manifest')
    await first.reached
    const second = watching('ollama', 'qwen3:latest', 'pulling manifest')
    await second.reached
    first.leave()
    expect((await first.over).error?.code).toBe('CANCELLED')
    server.write({ status: 'success' })
    server.end()
    const { messages, error } = await second.over
    expect({ error, last: messages.at(-1)?.state }).toEqual({ error: undefined, last: READY })
    expect(pulls()).toHaveLength(1)
  })

  test('ends at the server when the last request is cancelled', async () => {
    pull = begins({ status: 'pulling manifest' }).reply
    const only = watching('ollama', 'phi4', 'pulling manifest')
    await only.reached
    only.leave()
    expect((await only.over).error?.code).toBe('CANCELLED')
    await pulls()[0]?.closed
  })

  test.each([
    [
      'an unknown model',
      'pull model manifest: file does not exist',
      'FAILED_PRECONDITION',
      'LOCAL_MODEL_MISSING',
      'check its name',
    ],
    ['a full disk', 'write /models/blobs/x: no space left on device', 'UNAVAILABLE', 'UPSTREAM_ERROR', 'disk'],
    [
      'a library out of reach',
      'pull model manifest: Get "https://library.test/v2/": dial tcp: lookup library.test: no such host',
      'UNAVAILABLE',
      'UPSTREAM_ERROR',
      'cannot reach its library',
    ],
    [
      'a model that is too new',
      'pull model manifest: 412: The model you are attempting to pull requires a newer version of Ollama.',
      'UNAVAILABLE',
      'UPSTREAM_ERROR',
      'newer version',
    ],
    ['anything else', 'something odd', 'UNAVAILABLE', 'UPSTREAM_ERROR', 'log'],
  ])('fails for %s', async (_case, message, code, reason, advice) => {
    pull = says({ status: 'pulling manifest' }, { error: message })
    const { error } = await ensure('ollama', 'nobody/nothing')
    expect(error).toMatchObject({ code, reason })
    expect(error?.message).toContain(advice)
    expect(error?.message).not.toContain(message)
    pull = json({ error: message }, 500)
    expect((await ensure('ollama', 'nobody/nothing')).error).toMatchObject({ code, reason })
  })

  test('that stalls fails after the idle timeout of the provider', async () => {
    pull = begins({ status: 'pulling aaaa', digest: 'a', total: 8, completed: 1 }).reply
    const { error } = await ensure('impatient', 'stalls')
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_IDLE_TIMEOUT' })
    await pulls()[0]?.closed
  })

  test('that stalls while its server repeats itself fails just so, and the repetitions are left out', async () => {
    const line = { status: 'pulling aaaa', digest: 'a', total: 8, completed: 1 }
    const server = begins(line)
    pull = server.reply
    const repeating = setInterval(() => server.write(line), 20)
    const { messages, error } = await ensure('impatient', 'repeats')
    clearInterval(repeating)
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_IDLE_TIMEOUT' })
    expect(messages.map(({ status }) => status)).toEqual(['looking for the model', 'pulling aaaa'])
  })

  test('whose server is killed fails, and can be asked for again', async () => {
    const server = begins({ status: 'pulling manifest' })
    pull = server.reply
    const first = watching('ollama', 'killed', 'pulling manifest')
    await first.reached
    server.destroy()
    expect((await first.over).error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_STREAM_TRUNCATED' })
    pull = says({ status: 'pulling manifest' })
    expect((await ensure('ollama', 'killed')).error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
    pull = says(...OLLAMA)
    expect((await ensure('ollama', 'killed')).error).toBeUndefined()
  })

  test('of a server that is not there fails as unreachable', async () => {
    expect((await ensure('gone', 'm')).error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_UNREACHABLE' })
  })
})

describe('Docker Model Runner', () => {
  const progress = (current: number) => ({
    type: 'progress',
    message: `Downloaded: ${current} MB`,
    total: 300,
    layer: { id: 'sha256:a', size: 200, current },
  })

  test('pulls with its own endpoint beside the API', async () => {
    pull = says(progress(50), progress(200), { type: 'success', message: 'Model pulled successfully' })
    const { messages, error } = await ensure('dmr', 'ai/smollm2')
    expect(error).toBeUndefined()
    expect(pulls()[0]).toMatchObject({ path: '/models/create', json: { from: 'ai/smollm2' } })
    expect(pulls()[0]?.headers.accept).toBe('application/json')
    expect(messages.map(({ state, doneBytes, totalBytes }) => [state, doneBytes, totalBytes])).toEqual([
      [STARTING, 0n, 0n],
      [PULLING, 50n, 300n],
      [PULLING, 200n, 300n],
      [READY, 300n, 300n],
    ])
  })

  test('of an older version speaks in plain text', async () => {
    pull = ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.end('Downloaded: 12.00 MB\nModel pulled successfully\n')
    }
    const { messages } = await ensure('dmr', 'ai/gemma3')
    expect(messages.map(({ state, status }) => [state, status]).slice(1)).toEqual([
      [PULLING, 'Downloaded: 12.00 MB'],
      [READY, 'success'],
    ])
  })

  test('lists a model by its long name', async () => {
    listed = ['docker.io/ai/smollm3:latest']
    const { messages } = await ensure('dmr', 'ai/smollm3')
    expect(messages.at(-1)?.state).toBe(READY)
    expect(pulls()).toEqual([])
  })

  test.each([
    [404, 'Model not found', 'LOCAL_MODEL_MISSING'],
    [401, 'Unauthorized', 'UPSTREAM_FORBIDDEN'],
    [500, 'write: no space left on device', 'UPSTREAM_ERROR'],
  ])('answers %d: %s', async (status, text, reason) => {
    pull = ({ response }) => {
      response.writeHead(status, { 'content-type': 'text/plain' })
      response.end(text)
    }
    expect((await ensure('dmr', 'ai/nothing')).error?.reason).toBe(reason)
  })
})

describe('LM Studio', () => {
  test('downloads in the background, and its state is asked for until it is done', async () => {
    const states = [
      { job_id: 'job_1', status: 'downloading', total_size_bytes: 100 },
      { job_id: 'job_1', status: 'downloading', total_size_bytes: 100, downloaded_bytes: 40 },
      { job_id: 'job_1', status: 'completed', total_size_bytes: 100, downloaded_bytes: 100 },
    ]
    pull = (exchange) => json(states.shift() ?? {})(exchange)
    const { messages, error } = await ensure('studio', 'qwen/qwen3-4b')
    expect(error).toBeUndefined()
    const path = '/api/v1/models/download'
    expect(pulls().map((hit) => hit.path)).toEqual([path, `${path}/status/job_1`, `${path}/status/job_1`])
    expect(messages.map(({ state, percent }) => [state, percent])).toEqual([
      [STARTING, 0],
      [STARTING, 0],
      [PULLING, 40],
      [READY, 100],
    ])
  })

  test.each([
    [json({ status: 'already_downloaded' }), undefined],
    [json({ error: 'Unexpected endpoint or method. (POST /api/v1/models/download)' }), 'UNSUPPORTED'],
    [json({ error: { type: 'model_not_found', message: 'Model not found' } }, 404), 'LOCAL_MODEL_MISSING'],
    [json({ job_id: 'job_2', status: 'failed' }), 'UPSTREAM_ERROR'],
    [json({}), 'UPSTREAM_MALFORMED'],
  ])('may answer at once: %#', async (reply, reason) => {
    pull = reply
    expect((await ensure('studio', 'a-model')).error?.reason).toBe(reason)
  })
})

describe('is refused', () => {
  test.each([
    ['vllm', 'm', 'INVALID_ARGUMENT', 'UNSUPPORTED', ['provider']],
    ['', 'm', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['provider']],
    ['dmr', '', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['model']],
    ['ollama', 'two words', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['model']],
    ['ollama', 'm'.repeat(257), 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['model']],
    ['nobody', 'm', 'NOT_FOUND', 'PROVIDER_NOT_FOUND', []],
  ])('%j, %j', async (provider, model, code, reason, fields) => {
    expect((await ensure(provider, model)).error).toMatchObject({ code, reason, fields })
  })

  test('to callers that are not admins', async () => {
    const asWeb = { metadata: { authorization: 'Bearer web-key-0123456789abcdef' } }
    expect((await ensure('ollama', 'm', asWeb)).error).toMatchObject({ code: 'PERMISSION_DENIED' })
  })
})

test('a model that was pulled is listed at once', async () => {
  const list = async () => (await client.unary(LlmGateway.method.listModels, { provider: 'ollama' }, asOps)).value
  listed = ['old:latest']
  await list()
  pull = (exchange) => {
    listed = ['new:latest', 'old:latest']
    says(...OLLAMA)(exchange)
  }
  await ensure('ollama', 'new')
  expect((await list())?.models.map(({ model }) => model)).toEqual(['new:latest', 'old:latest'])
})
