import { FinishReason } from '../../src/domain/types.ts'
import type { ChatSink, ProviderKind, ProviderSettings, ReplyFormat, Wire } from '../../src/providers/define.ts'
import type { VendorError } from '../../src/providers/failures/vendor-error.ts'

const decoder: ReplyFormat['decoder'] = (sink) => ({
  whole(body) {
    read(sink, body)
    sink.done()
  },
  frame: (data) => read(sink, JSON.parse(data)),
  end: () => sink.failWith({ type: 'truncated' }),
})

/** The smallest wire there is, to try what all wires share: frames `{"t":"text"}`, `{"e":"type"}`, `{"done":true}`. */
export const plainWire: Wire = {
  chat: {
    encode: () => ({ path: '/chat', body: '{}' }),
    decoder,
  },
  complete: {
    takes: () => true,
    prepare: () => ({ encoded: { path: '/complete', body: '{}' }, format: { decoder } }),
  },
  models: { request: () => ({ path: '/models' }), decode: () => [] },
  readError: (body) => (isRecord(body) && typeof body['e'] === 'string' ? { type: body['e'] } : undefined),
}

function read(sink: ChatSink, frame: unknown): void {
  if (!isRecord(frame)) return
  if (typeof frame['t'] === 'string') sink.text(frame['t'])
  if (typeof frame['e'] === 'string') sink.failWith({ type: frame['e'] } satisfies VendorError)
  if (frame['done']) {
    sink.stop(FinishReason.STOP, 'stop')
    sink.done()
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

const plainKind: ProviderKind = {
  kind: 'plain',
  wire: plainWire,
  key: { name: 'authorization', prefix: 'Bearer ' },
  environment: {},
  capabilities: [],
}

export function plainSettings(name: string, baseUrl = 'http://127.0.0.1:9'): ProviderSettings {
  return {
    name,
    kind: plainKind,
    baseUrl,
    keys: [`key-of-${name}`],
    defaultModel: 'm',
    headers: {},
    timeout: { connect: 3_000, firstToken: 120_000, idle: 60_000, total: 600_000 },
    streamUnary: false,
    options: {},
  }
}
