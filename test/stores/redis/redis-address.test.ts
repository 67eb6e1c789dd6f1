import { expect, test } from 'vitest'
import { readRedisUrl } from '../../../src/stores/redis/redis-address.ts'

const plain = { db: 0, tls: false }

test.each([
  ['redis://cache', { hosts: [{ host: 'cache', port: 6379 }], ...plain }],
  ['rediss://cache:6380/2', { hosts: [{ host: 'cache', port: 6380 }], db: 2, tls: true }],
  ['redis://[::1]:7000', { hosts: [{ host: '::1', port: 7000 }], ...plain }],
  ['redis://:p%40ss@cache', { hosts: [{ host: 'cache', port: 6379 }], password: 'p@ss', ...plain }],
  ['redis://app:a:b@cache', { hosts: [{ host: 'cache', port: 6379 }], username: 'app', password: 'a:b', ...plain }],
  [
    'redis+sentinel://:pw@a:1,b/main/4?sentinel_password=s%26',
    {
      hosts: [
        { host: 'a', port: 1 },
        { host: 'b', port: 26_379 },
      ],
      master: 'main',
      password: 'pw',
      sentinelPassword: 's&',
      db: 4,
      tls: false,
    },
  ],
  ['rediss+sentinel://a/main', { hosts: [{ host: 'a', port: 26_379 }], master: 'main', db: 0, tls: true }],
])('%s', (url, address) => {
  expect(readRedisUrl(url)).toEqual(address)
})

test.each([
  'http://cache',
  'redis://',
  'redis://a,b',
  'redis://cache:0',
  'redis://cache:70000',
  'redis://cache/one',
  'redis://cache/1/2',
  'redis://cache?x=1',
  'redis://%zz@cache',
  'redis+sentinel://a:1,b:2',
  'redis+sentinel://a:1//1',
  'redis+sentinel://a:1,/main',
])('%s is not the URL of a Redis', (url) => {
  expect(readRedisUrl(url)).toBeUndefined()
})
