import { describe, expect, it } from 'vitest'
import { isForeignOrigin, isPrivateHost } from '../../../src/domain/text/web-origin.ts'

describe('a host', () => {
  it.each([
    'localhost:8080',
    'localhost.',
    'llm-gateway:9464',
    '127.0.0.1:8080',
    '127.1',
    '[::1]:8080',
    '10.1.2.3',
    'gateway.default.svc',
    'gateway.default.svc.cluster.local:8080',
    'host.docker.internal',
    'gateway.example.com:443',
  ])('%s is answered', (host) => expect(isPrivateHost(host, ['gateway.example.com'])).toBe(true))

  it.each(['evil.example', 'evil.example:8080', 'evil.example.', 'svc.evil.example', 'x.internal.evil', 'a b', ''])(
    '%s is not',
    (host) => expect(isPrivateHost(host, ['gateway.example.com'])).toBe(false),
  )
})

describe('an origin', () => {
  it.each([
    [undefined, 'a:8080', []],
    ['http://a:8080', 'a:8080', []],
    ['https://app.test', 'a', ['https://app.test']],
    ['https://any.test', 'a', ['*']],
  ])('%s at %s is not foreign', (origin, host, allowed) => {
    expect(isForeignOrigin(origin, host, allowed)).toBe(false)
  })

  it.each([
    ['https://evil.example', 'a', []],
    ['null', 'a', []],
    ['http://a:1', 'a:8080', ['https://app.test']],
  ])('%s at %s is foreign', (origin, host, allowed) => {
    expect(isForeignOrigin(origin, host, allowed)).toBe(true)
  })
})
