import { expect, test } from 'vitest'
import { fromText, inTextMode, takeTextMode, textLength } from '../../../../src/server/http/body/grpc-web-text.ts'

test.each([
  ['application/grpc-web-text', true, 'application/grpc-web'],
  ['application/grpc-web-text+proto', true, 'application/grpc-web+proto'],
  ['application/grpc-web+proto', false, 'application/grpc-web+proto'],
  ['application/json', false, 'application/json'],
])('%s: text mode is %s, Connect sees %s', (type, isText, seen) => {
  const header = new Headers({ 'content-type': type })
  expect(takeTextMode(header)).toBe(isText)
  expect(header.get('content-type')).toBe(seen)
})

test.each([
  ['a body in one piece', 'AAAAAAA=', '0000000000'],
  ['pieces with padding of their own', 'YQ==YmM=ZGVm', '616263646566'],
  ['a piece without padding', 'YWI', '6162'],
  ['nothing', '', ''],
])('%s is decoded', (_, text, hex) => {
  expect(fromText(Buffer.from(text)).toString('hex')).toBe(hex)
})

test('the length in base64 is known beforehand', () => {
  for (const bytes of [0, 1, 2, 3, 4, 100]) {
    expect(textLength(bytes)).toBe(Buffer.alloc(bytes).toString('base64').length)
  }
})

test('a response is encoded piece by piece, and its reader can stop it', async () => {
  let returned = false
  const pieces = ['a', 'bc'].map((text) => new Uint8Array(Buffer.from(text)))
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const value = pieces.shift()
        return value ? { done: false as const, value } : { done: true as const, value: undefined }
      },
      return: async () => {
        returned = true
        return { done: true as const, value: undefined }
      },
    }),
  }
  const reply = inTextMode({ status: 200, header: new Headers({ 'content-type': 'application/grpc-web+proto' }), body })
  expect(reply.header?.get('content-type')).toBe('application/grpc-web-text+proto')
  const read: string[] = []
  for await (const piece of reply.body as AsyncIterable<Uint8Array>) {
    read.push(Buffer.from(piece).toString())
    if (read.length === 2) break
  }
  expect(read).toEqual(['YQ==', 'YmM='])
  expect(returned).toBe(true)
})
