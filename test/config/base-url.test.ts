import { describe, expect, it } from 'vitest'
import { baseUrlFault, correctedBaseUrl } from '../../src/config/blocks/providers/base-url.ts'
import { kindNamed } from '../../src/providers/index.ts'

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
  ['https://host/a b', 'must not hold spaces'],
])('%s: %s', (url, fault) => {
  expect(baseUrlFault(url)).toBe(fault)
})

it.each(['https://host/v1?key=secret', 'https://host/#a', 'https://r.openai.azure.com/openai?api-version=2025-04-01'])(
  'a query or a fragment is refused: %s',
  (url) => {
    expect(baseUrlFault(url)).toMatch(/^must not carry a query or a fragment: write the address alone/)
  },
)

describe('a mistake with one remedy is corrected', () => {
  const corrected = (kindName: string, url: string) => {
    const kind = kindNamed(kindName)
    if (!kind) throw new Error(`there is no kind ${kindName}`)
    return correctedBaseUrl(url, kind)
  }

  it.each([
    ['anthropic', 'https://api.anthropic.com/v1', 'https://api.anthropic.com'],
    ['anthropic', 'https://api.anthropic.com/v1/messages/', 'https://api.anthropic.com'],
    ['anthropic', 'http://api.anthropic.com', 'https://api.anthropic.com'],
    ['anthropic', 'http://proxy:4000/anthropic/v1', 'http://proxy:4000/anthropic'],
    ['ollama', 'http://localhost:11434/v1', 'http://localhost:11434'],
    ['ollama', 'http://localhost:11434/api', 'http://localhost:11434'],
    ['ollama', 'http://box:11434/api/chat', 'http://box:11434'],
    ['ollama', 'http://box:11434/v1/chat/completions', 'http://box:11434'],
    ['azure', 'https://r.openai.azure.com/openai', 'https://r.openai.azure.com'],
    ['azure', 'https://r.openai.azure.com/openai/v1/', 'https://r.openai.azure.com'],
    ['azure', 'https://r.openai.azure.com/openai/deployments/x/chat/completions', 'https://r.openai.azure.com'],
    ['openai', 'https://api.openai.com', 'https://api.openai.com/v1'],
    ['openai', 'https://api.openai.com/v1/chat/completions', 'https://api.openai.com/v1'],
    ['openai', 'http://api.openai.com/v1', 'https://api.openai.com/v1'],
    ['groq', 'https://api.groq.com/v1', 'https://api.groq.com/openai/v1'],
    ['gemini', 'https://generativelanguage.googleapis.com', 'https://generativelanguage.googleapis.com/v1beta'],
    [
      'gemini',
      'https://generativelanguage.googleapis.com/v1beta/openai',
      'https://generativelanguage.googleapis.com/v1beta',
    ],
    ['vllm', 'http://gpu:8000/v1/completions', 'http://gpu:8000/v1'],
    ['llamacpp', 'http://box:8080', 'http://box:8080/v1'],
    ['llamacpp', 'http://box:8080/infill', 'http://box:8080/v1'],
    ['llamacpp', 'http://box:8080/v1/completions', 'http://box:8080/v1'],
    ['localai', 'http://box:8080/', 'http://box:8080/v1'],
    ['docker-model-runner', 'http://localhost:12434', 'http://localhost:12434/engines/v1'],
    ['openai-compatible', 'https://litellm.test/v1/embeddings', 'https://litellm.test/v1'],
    ['litellm', 'https://litellm.test/v1/responses', 'https://litellm.test/v1'],
  ])('%s: %s', (kind, url, expected) => {
    const { url: used, advice } = corrected(kind, url)
    expect(used).toBe(expected)
    expect(advice).toMatch(/: (write that|leave it out)$/)
  })

  it.each([
    ['openai', ' https://api.openai.com//v1/ ', 'https://api.openai.com/v1'],
    ['anthropic', 'https://api.anthropic.com/', 'https://api.anthropic.com'],
    ['ollama', 'http://box:1/ollama', 'http://box:1/ollama'],
    ['vllm', 'http://localhost:8000/v1', 'http://localhost:8000/v1'],
    ['llamacpp', 'http://box/team/v1', 'http://box/team/v1'],
    ['docker-model-runner', 'http://box:12434/engines/llama.cpp/v1', 'http://box:12434/engines/llama.cpp/v1'],
    ['deepseek', 'https://api.deepseek.com/v1', 'https://api.deepseek.com/v1'],
    ['azure', 'https://proxy.test/team/x', 'https://proxy.test/team/x'],
    ['local', 'http://box:8080', 'http://box:8080'],
  ])('what is right stays: %s %s', (kind, url, expected) => {
    expect(corrected(kind, url)).toEqual({ url: expected })
  })

  it('the lack of a path that may be right is named', () => {
    expect(corrected('vllm', 'http://gpu:8000')).toEqual({
      url: 'http://gpu:8000',
      advice: 'has no path: most servers of this kind need /v1 at its end',
    })
  })
})
