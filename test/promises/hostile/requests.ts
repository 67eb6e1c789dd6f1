import { gzipSync } from 'node:zlib'
import { repeated } from './bytes.ts'
import { type Bad, bytes, CHAT, post } from './senders.ts'

const LARGEST = 2 ** 24 - 100
const json = (name: string, make: () => string | Buffer) => post(name, make)
const list = (key: string, piece: string) => () => `{"${key}":[${repeated(piece, LARGEST).toString().slice(0, -1)}]}`
const hi = '{"messages":[{"role":"ROLE_USER","content":"hi"}]}'
const asking = (more: string) => `{"messages":[{"role":"ROLE_USER","content":"hi"}],${more}}`
const as = (name: string, headers: Readonly<Record<string, string>>) => post(name, () => hi, headers)
const written = (name: string, text: string) =>
  bytes(name, 'http', () => text.replace('POST ', `POST ${CHAT} HTTP/1.1\r\ncontent-type: application/json\r\n`))
const image = (data: string) =>
  `{"messages":[{"role":"ROLE_USER","parts":[{"image":{"data":"${data}","mimeType":"image/png"}}]}]}`

/** What is wrong with requests at the HTTP door. */
export const badRequests: readonly Bad[] = [
  json('half of a JSON', () => hi.slice(0, -3)),
  json('no JSON', () => 'hi'),
  json('nothing', () => ''),
  json('a JSON list', () => '[]'),
  json('a JSON of 5 million brackets', () => '['.repeat(5_000_000)),
  json('a JSON of a million levels', () => `${'{"a":'.repeat(1_000_000)}1${'}'.repeat(1_000_000)}`),
  json('options of 100,000 levels', () =>
    asking(`"providerOptions":{"house":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`),
  ),
  json('millions of empty messages', list('messages', '{},')),
  json('millions of empty stops', list('stop', '"",')),
  json('millions of fields nobody knows', list('nobody', '[],')),
  json('options of millions of lists', () =>
    asking(
      `"providerOptions":{"house":{"a":[${repeated('[],', LARGEST - 200)
        .toString()
        .slice(0, -1)}]}}`,
    ),
  ),
  json('millions of different labels', () =>
    asking(`"labels":{${Array.from({ length: 1_000_000 }, (_, at) => `"${at}":""`).join()}}`),
  ),
  json('a number of 16 MiB', () => asking(`"maxTokens":${'1'.repeat(LARGEST - 100)}`)),
  json('a number beyond all', () => asking('"temperature":1e999')),
  json('a text of 16 MiB of escapes', () => `{"model":"${repeated('\\u0000', LARGEST - 100)}"}`),
  json('halves of letters', () => asking('"model":"\\ud800"')),
  json('bytes that are not UTF-8', () => Buffer.from('{"model":"\xc3\x28"}', 'latin1')),
  json('the key __proto__', () => asking('"labels":{"__proto__":"x"},"__proto__":{"a":1}')),
  json('an image in bad base64', () => image('%%%=')),
  json('an image in 15 MiB of bad base64', () => image('=%'.repeat(7_500_000))),
  json('an image in 15 MiB of base64', () => image('QUJD'.repeat(3_900_000))),
  json('40 MB', () => `{"model":"${'a'.repeat(40e6)}"}`),
  as('another content type', { 'content-type': 'text/plain' }),
  as('another character set', { 'content-type': 'application/json; charset=utf-7' }),
  as('a timeout that is none', { 'connect-timeout-ms': 'abc' }),
  as('a timeout beyond all', { 'connect-timeout-ms': '9999999999' }),
  as('a version that is none', { 'connect-protocol-version': '9' }),
  as('an encoding that is none', { 'content-encoding': 'br' }),
  as('a header of 20 KB', { 'x-large': 'v'.repeat(20_000) }),
  post('garbage said to be gzip', () => hi, { 'content-encoding': 'gzip' }),
  post('a gzip of 256 MB', () => gzipSync(Buffer.alloc(256e6)), { 'content-encoding': 'gzip' }),
  post('a gzip of millions of empty messages', () => gzipSync(list('messages', '{},')()), {
    'content-encoding': 'gzip',
  }),
  post('a stream that claims 4 GB', () => Buffer.from('00ffffffff7b7d', 'hex'), {
    'content-type': 'application/connect+json',
  }),
  post('gRPC-Web that is none', () => Buffer.from('zzzz'), { 'content-type': 'application/grpc-web+proto' }),
  post('gRPC-Web as a text that is none', () => '%%%=', { 'content-type': 'application/grpc-web-text' }),
  post('an unknown method', () => hi, {}, '/llmgateway.v1.LlmGateway/Nothing'),
  post('a path of 15 KB', () => hi, {}, `/${'%2e/'.repeat(3_800)}`),
  post('TRACE', () => '', {}, CHAT, 'TRACE'),
  ...['[', 'a@b:99999', ''].map((host) =>
    written(`the host ${host}`, `POST host: ${host}\r\ncontent-length: 2\r\n\r\n{}`),
  ),
  written('two lengths', 'POST host: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'),
  written('a length and chunks', 'POST host: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
  written(
    'a chunk that claims more than there can be',
    'POST host: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n',
  ),
  written('chunks of one byte', `POST host: a\r\ntransfer-encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(200_000)}`),
  bytes('HTTP/2 without TLS', 'http', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  bytes('a TLS hello', 'http', () => '\x16\x03\x01\x02\x00garbage'),
]
