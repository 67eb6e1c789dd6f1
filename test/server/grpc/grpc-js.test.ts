import * as grpc from '@grpc/grpc-js'
import { expect, it } from 'vitest'
import { accessHttp2, http2StreamOf } from '../../../src/server/grpc/grpc-js.ts'

const credentials = grpc.ServerCredentials.createInsecure()
const access = (server: grpc.Server) => accessHttp2(server, credentials, {})

it.each([
  ['its options', 'commonServerOptions', undefined],
  ['its list of servers', 'http2Servers', []],
  ['a server too many', 'http2Servers', new Map([[{}, {}]])],
])('a gateway does not start with a grpc-js that keeps %s elsewhere', (_, field, value) => {
  const server = new grpc.Server()
  Reflect.set(server, field, value)
  expect(() => access(server)).toThrow(/^(grpc-js is not as this gateway knows it|this\.http2Servers\.set)/)
})

it('a gateway does not start with a grpc-js that listens for streams in another way', () => {
  const server = new grpc.Server()
  Reflect.set(server, '_setupHandlers', () => {})
  expect(() => access(server)).toThrow('its listener for streams cannot be found. Install the version it pins.')
})

it('a call whose stream cannot be found is an error', () => {
  expect(() => http2StreamOf({ call: { nextCall: {} } })).toThrow('the stream of a call cannot be found')
})
