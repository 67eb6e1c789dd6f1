import { gzipSync } from 'node:zlib'
import { callFrame, callHeaders, flags, frame, frames, message, resetFrame, uint32 } from '../../support/raw-http2.ts'
import { field } from './bytes.ts'
import { type Bad, bytes, CHAT, call, framed } from './senders.ts'

const hi = field(3, Buffer.concat([Buffer.from('0803', 'hex'), field(2, 'hi')]))
const good = message(hi)
const as = (name: string, headers: Readonly<Record<string, string>>) => call(name, () => good, headers)
const gzip = { 'grpc-encoding': 'gzip' }
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

const many = (count: number, make: (at: number) => Buffer) => Array.from({ length: count }, (_, at) => make(at))
const resets = (at: number) =>
  Buffer.concat([
    callFrame(2 * at + 1, CHAT),
    frame(frames.DATA, flags.END_STREAM, 2 * at + 1, good),
    resetFrame(2 * at + 1),
  ])

/** What is wrong with calls at the gRPC door, whatever they ask. */
export const badCalls: readonly Bad[] = [
  call('a message that claims 4 GB', () => message(hi, false, 2 ** 32 - 1)),
  call('a message that is cut off', () => good.subarray(0, -1)),
  call('half a prefix', () => Buffer.alloc(3)),
  call('two messages', () => Buffer.concat([good, good])),
  call('no message', () => Buffer.alloc(0)),
  call('a message said to be compressed, in no encoding', () => message(hi, true)),
  call('a message in brotli', () => message(hi, true), { 'grpc-encoding': 'br' }),
  call('garbage said to be gzip', () => message(hi, true), gzip),
  call('half of a gzip', () => message(gzipSync(hi).subarray(0, -9), true), gzip),
  call('a gzip of 256 MB', () => message(gzipSync(Buffer.alloc(256e6)), true), gzip),
  call('a gzip of millions of empty messages', () => message(gzipSync(Buffer.alloc(16_000_000, '\x1a\0')), true), gzip),
  call('many gzips in one frame', () => Buffer.concat(many(4, () => message(gzipSync(Buffer.alloc(4e6)), true))), gzip),
  as('GET', { ':method': 'GET' }),
  as('another content type', { 'content-type': 'text/plain' }),
  as('an unknown method', { ':path': '/llmgateway.v1.LlmGateway/Nothing' }),
  as('an unknown service', { ':path': '/nobody.v1.Nothing/Chat' }),
  as('a path that is none', { ':path': '*' }),
  as('a path of 15 KB', { ':path': `/${'%2e/'.repeat(3_800)}` }),
  ...['abc', '5', '0n', '-1S', '99999999H', '1.5S'].map((timeout) =>
    as(`a timeout of ${timeout}`, { 'grpc-timeout': timeout }),
  ),
  ...['[', 'a@b:99999', 'x'.repeat(300)].map((host) => as(`the authority ${host.slice(0, 9)}`, { ':authority': host })),
  as('130 headers', Object.fromEntries(Array.from({ length: 130 }, (_, at) => [`x-${at}`, 'v']))),
  as('a header of 60 KB', { 'x-large': 'v'.repeat(60_000) }),
  as('a binary header that is no base64', { 'x-bad-bin': '%%%=' }),
  as('a trace that is none', { traceparent: '00-zz-zz-zz' }),
  as('a credential of 15 KB', { authorization: `Bearer ${'a.'.repeat(7_500)}` }),
  bytes('HTTP/1.1', 'grpc', () => 'POST / HTTP/1.1\r\nhost: a\r\n\r\n'),
  bytes('a TLS hello', 'grpc', () => '\x16\x03\x01\x02\x00garbage'),
  bytes('garbage after a good preface', 'grpc', () => `${PREFACE}${'\xff'.repeat(1_000)}`),
  framed('a message in frames of one byte', () => [
    callFrame(1, CHAT),
    ...many(65_000, () => frame(frames.DATA, 0, 1, Buffer.alloc(1))),
  ]),
  framed('empty frames', () => [callFrame(1, CHAT), ...many(50_000, () => frame(frames.DATA, 0, 1))]),
  framed('pings', () => many(50_000, () => frame(frames.PING, 0, 0, Buffer.alloc(8)))),
  framed('settings', () => many(20_000, () => frame(frames.SETTINGS, 0, 0))),
  framed('headers that never end', () => [
    frame(frames.HEADERS, 0, 1, callHeaders(CHAT)),
    ...many(20_000, () => frame(frames.CONTINUATION, 0, 1)),
  ]),
  framed('a window above the largest', () => many(3, () => frame(frames.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1)))),
  framed('20,000 streams', () => many(20_000, (at) => callFrame(2 * at + 1, CHAT))),
  framed('10,000 streams that are reset', () => many(10_000, resets)),
]
