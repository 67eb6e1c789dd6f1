import { describe, expect, it } from 'vitest'
import { baseUrlFault } from '../../src/config/blocks/base-url.ts'

describe('the metadata service of a cloud is refused in every spelling', () => {
  it.each([
    'http://169.254.169.254',
    'http://169.254.169.254./latest',
    'http://2852039166',
    'http://0xA9FEA9FE',
    'http://0xa9.0xfe.0xa9.0xfe',
    'http://0251.0376.0251.0376',
    'http://169.254.43518',
    'http://169.16689662',
    'http://１６９.254.169.254',
    'http://169。254。169。254',
    'http://169.254.170.2',
    'http://[::ffff:169.254.169.254]',
    'http://[::ffff:a9fe:a9fe]',
    'http://[0:0:0:0:0:ffff:a9fe:a9fe]',
    'http://[::a9fe:a9fe]',
    'http://[64:ff9b::a9fe:a9fe]',
    'http://[2002:a9fe:a9fe::1]',
    'http://[fd00:ec2::254]',
    'http://[fd00:0ec2:0:0:0:0:0:0254]:80/v1',
    'http://[fd20:ce::254]',
    'http://metadata.google.internal',
    'http://METADATA.google.internal./v1',
  ])('%s', (url) => {
    expect(baseUrlFault(url)).toBe('must not be the metadata service of a cloud')
  })
})

describe('other addresses are fine, private ones too', () => {
  it.each([
    'https://api.acme.test/v1',
    'http://localhost:11434',
    'http://127.0.0.1:8080/',
    'http://10.0.0.7',
    'http://192.168.1.2:1234/v1',
    'http://169.253.255.255',
    'http://[::1]:8000',
    'http://[fd00:ec2::253]',
    'http://[fd12::1]',
  ])('%s', (url) => {
    expect(baseUrlFault(url)).toBeUndefined()
  })
})

it.each([
  ['ftp://host', 'must be an http:// or https:// URL'],
  ['localhost:11434', 'must be an http:// or https:// URL'],
  ['http://', 'must be an http:// or https:// URL'],
  ['http://1.2.3.4.5', 'must be an http:// or https:// URL'],
  ['https://user@host', 'must not carry a user name or password: use keys or headers'],
  ['https://:secret@host', 'must not carry a user name or password: use keys or headers'],
  ['https://host/v1?key=secret', 'must not carry a query or a fragment'],
  ['https://host/#a', 'must not carry a query or a fragment'],
])('%s: %s', (url, fault) => {
  expect(baseUrlFault(url)).toBe(fault)
})
