import { expect, test } from 'vitest'
import { InternalHosts } from '../../../src/domain/text/internal-hosts.ts'

const isInternal = (url: string) => new InternalHosts().has(new URL(url).hostname)

test.each([
  'http://169.254.169.254/latest/meta-data',
  'http://127.0.0.1/',
  'http://127.0.0.1./',
  'http://10.1.2.3/',
  'http://172.16.0.1/',
  'http://192.168.1.1/',
  'http://100.100.100.200/',
  'http://168.63.129.16/',
  'http://0.0.0.0/',
  'http://0/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0x7f.0.0.1/',
  'http://0177.0.0.01/',
  'http://017700000001/',
  'http://①②⑦.0.0.1/',
  'http://%31%32%37.0.0.1/',
  'http://255.255.255.255/',
  'http://[::1]/',
  'http://[::]/',
  'http://[0:0:0:0:0:ffff:169.254.169.254]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[::7f00:1]/',
  'http://[64:ff9b::a9fe:a9fe]/',
  'http://[2002:a9fe:a9fe::]/',
  'http://[fe80::1]/',
  'http://[fd00:ec2::254]/',
  'http://localhost/',
  'http://LOCALHOST./',
  'http://ⓛocalhost/',
  'http://a.localhost/',
  'http://redis/',
  'http://metadata/',
  'http://metadata.google.internal/',
  'http://metadata.goog/',
  'http://kubernetes.default.svc/',
  'http://vault.default.svc.cluster.local/',
  'http://printer.local/',
])('%s is one of a private network', (url) => {
  expect(isInternal(url)).toBe(true)
})

test.each([
  'https://example.com/a.png',
  'https://cdn.example.com:8443/@user/a.png',
  'http://1.1.1.1/',
  'http://16843009/',
  'http://[2606:4700:4700::1111]/',
  'http://[::ffff:1.1.1.1]/',
  'http://172.32.0.1/',
  'http://11.0.0.1/',
  'http://localhost.example.com/',
  'http://127.0.0.1.nip.io/',
])('%s is on the internet', (url) => {
  expect(isInternal(url)).toBe(false)
})
