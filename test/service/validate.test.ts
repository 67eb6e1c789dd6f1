import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../../src/domain/errors/error.ts'
import {
  ChatRequestSchema,
  CompleteRequestSchema,
  EmbedRequestSchema,
  type MessageSchema,
  type PartSchema,
  ReasoningEffort,
  Role,
  ToolChoiceMode,
  type ToolSchema,
} from '../../src/domain/types.ts'
import { validateChat, validateComplete, validateEmbed } from '../../src/service/validate/validate.ts'

type ChatInit = MessageInitShape<typeof ChatRequestSchema>
type EmbedInit = MessageInitShape<typeof EmbedRequestSchema>
type MessageInit = MessageInitShape<typeof MessageSchema>
type ToolInit = MessageInitShape<typeof ToolSchema>

const hello: MessageInit = { role: Role.USER, content: 'Hello' }

/** What is wrong with a chat, as `field: description`; nothing when it is right. */
function wrongWithChat(init: ChatInit): string[] {
  const request = create(ChatRequestSchema, { messages: [hello], ...init })
  return violationsOf(() => validateChat(request))
}

function wrongWithEmbed(init: EmbedInit): string[] {
  const request = create(EmbedRequestSchema, { inputs: ['Hello'], ...init })
  return violationsOf(() => validateEmbed(request))
}

function wrongWithCompletion(init: MessageInitShape<typeof CompleteRequestSchema>): string[] {
  const request = create(CompleteRequestSchema, { prompt: 'Once', ...init })
  return violationsOf(() => validateComplete(request))
}

const wrongWithMessage = (message: MessageInit) => wrongWithChat({ messages: [message] })

function violationsOf(validate: () => void): string[] {
  try {
    validate()
    return []
  } catch (error) {
    if (!(error instanceof GatewayError) || error.reason !== 'INVALID_REQUEST') throw error
    return (error.facts.fields ?? []).map(({ field, description }) => `${field}: ${description}`)
  }
}

/* Values of a newer contract than ours: protobuf hands on numbers that it does not know, so they do come. */
const newRole = 77 as Role
const newMode = 77 as ToolChoiceMode
const newEffort = 77 as ReasoningEffort

/** A JSON object of so many levels. */
const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))

test('a chat that uses every field is right', () => {
  const wrong = wrongWithChat({
    model: 'ai/gemma3-qat:4b@sha256',
    provider: 'local',
    messages: [
      { role: Role.SYSTEM, content: 'Be short.' },
      { role: Role.DEVELOPER, content: 'Use tools.' },
      {
        role: Role.USER,
        parts: [
          { content: { case: 'text', value: 'What is this?' } },
          {
            content: {
              case: 'image',
              value: { source: { case: 'data', value: new Uint8Array([1]) }, mimeType: 'image/png' },
            },
          },
        ],
      },
      {
        role: Role.ASSISTANT,
        reasoning: [{ text: 'hm', signature: 's' }],
        toolCalls: [{ id: 'call_0', name: 'look', arguments: '{"cut' }],
      },
      { role: Role.TOOL, toolCallId: 'call_0', name: 'look', content: '' },
      { role: Role.ASSISTANT, refusal: 'No.' },
      hello,
    ],
    temperature: 0,
    topP: 1,
    topK: 1,
    maxTokens: 1,
    stop: ['\n'],
    seed: -1n,
    frequencyPenalty: -2,
    presencePenalty: 2,
    tools: [{ name: 'look', description: 'Looks.', parameters: '{"type":"object"}', strict: true }, { name: 'go' }],
    toolChoice: { choice: { case: 'name', value: 'go' } },
    parallelToolCalls: false,
    responseFormat: { format: { case: 'jsonSchema', value: { name: 'answer', schema: '{}' } } },
    reasoning: { amount: { case: 'budgetTokens', value: 0 } },
    providerOptions: { ollama: { num_ctx: 4096, nested: { list: [1, 'a', null, { b: true }] } } },
    strict: true,
    taskType: 'verification',
    userId: 'u',
    sessionId: 's',
    labels: { team: 'search' },
    fallbackModels: ['openai/gpt-4o-mini'],
  })
  expect(wrong).toEqual([])
})

describe('a number at its edge is right, beyond it is wrong', () => {
  test.each<[string, ChatInit[], ChatInit[]]>([
    [
      'temperature: must be 0 to 2',
      [{ temperature: 0 }, { temperature: -0 }, { temperature: 2 }],
      [{ temperature: -1e-9 }, { temperature: 2.000001 }, { temperature: Number.NaN }, { temperature: Infinity }],
    ],
    [
      'top_p: must be above 0 and at most 1',
      [{ topP: 1e-9 }, { topP: 1 }],
      [{ topP: 0 }, { topP: 1.000001 }, { topP: Number.NaN }],
    ],
    ['top_k: must be at least 1', [{ topK: 1 }, { topK: 2 ** 32 - 1 }], [{ topK: 0 }]],
    [
      'max_tokens: must be 1 to 2147483647',
      [{ maxTokens: 1 }, { maxTokens: 2 ** 31 - 1 }],
      [{ maxTokens: 0 }, { maxTokens: 2 ** 31 }],
    ],
    [
      'seed: must be -(2^53-1) to 2^53-1',
      [{ seed: 0n }, { seed: 2n ** 53n - 1n }, { seed: 1n - 2n ** 53n }],
      [{ seed: 2n ** 53n }, { seed: -(2n ** 53n) }],
    ],
    [
      'frequency_penalty: must be -2 to 2',
      [{ frequencyPenalty: -2 }, { frequencyPenalty: 2 }],
      [{ frequencyPenalty: -2.1 }, { frequencyPenalty: 2.1 }, { frequencyPenalty: Number.NaN }],
    ],
    [
      'presence_penalty: must be -2 to 2',
      [{ presencePenalty: -2 }, { presencePenalty: 2 }],
      [{ presencePenalty: -2.1 }, { presencePenalty: 2.1 }, { presencePenalty: Number.NaN }],
    ],
  ])('%s', (violation, right, wrong) => {
    for (const init of right) expect(wrongWithChat(init)).toEqual([])
    for (const init of wrong) expect(wrongWithChat(init)).toEqual([violation])
  })
})

describe('a list at its limit is right, one more is wrong', () => {
  test.each<[string, number, (count: number) => ChatInit]>([
    ['messages: must not have more than 2048 messages', 2048, (count) => ({ messages: times(count, () => hello) })],
    ['stop: must not have more than 16 texts', 16, (count) => ({ stop: times(count, () => 'x') })],
    ['tools: must not have more than 512 tools', 512, (count) => ({ tools: times(count, (i) => ({ name: `t${i}` })) })],
    [
      'fallback_models: must not have more than 16 models',
      16,
      (count) => ({ fallbackModels: times(count, (i) => `m${i}`) }),
    ],
    [
      'labels: must not have more than 32 entries',
      32,
      (count) => ({ labels: Object.fromEntries(times(count, (i) => [`k${i}`, ''])) }),
    ],
  ])('%s', (violation, most, make) => {
    expect(wrongWithChat(make(most))).toEqual([])
    expect(wrongWithChat(make(most + 1))).toEqual([violation])
  })

  test('a million stop texts are one violation', () => {
    expect(wrongWithChat({ stop: times(1_000_000, () => '') })).toEqual(['stop: must not have more than 16 texts'])
  })

  test('a chat without messages is wrong', () => {
    expect(wrongWithChat({ messages: [] })).toEqual(['messages: must have at least one message'])
  })
})

describe('a text at its limit is right, one byte more is wrong; bytes are counted, not characters', () => {
  test.each<[string, number, (text: string) => ChatInit]>([
    ['model: must not exceed 256 bytes', 256, (model) => ({ model })],
    ['provider: must not exceed 256 bytes', 256, (provider) => ({ provider })],
    ['fallback_models[0]: must not exceed 256 bytes', 256, (model) => ({ fallbackModels: [model] })],
    ['task_type: must not exceed 256 bytes', 256, (taskType) => ({ taskType })],
    ['user_id: must not exceed 256 bytes', 256, (userId) => ({ userId })],
    ['session_id: must not exceed 256 bytes', 256, (sessionId) => ({ sessionId })],
    ['labels["k"]: must not exceed 256 bytes', 256, (k) => ({ labels: { k } })],
    ['labels: must have keys of at most 256 bytes', 256, (key) => ({ labels: { [key]: '' } })],
  ])('%s', (violation, most, make) => {
    expect(wrongWithChat(make('m'.repeat(most)))).toEqual([])
    expect(wrongWithChat(make('ü'.repeat(most / 2)))).toEqual([])
    expect(wrongWithChat(make('m'.repeat(most + 1)))).toEqual([violation])
    expect(wrongWithChat(make(`${'ü'.repeat(most / 2)}m`))).toEqual([violation])
    expect(wrongWithChat(make('語'.repeat(Math.ceil(most / 3))))).toEqual([violation])
  })
})

describe('ids of models and providers', () => {
  const visible = 'must not contain spaces, control characters, ?, #, % or \\'
  test.each([
    ['../../etc', 'must not contain the segments . or ..'],
    ['openai/..', 'must not contain the segments . or ..'],
    ['a/./b', 'must not contain the segments . or ..'],
    ['/models', 'must not begin with /'],
    ['m?x=1', visible],
    ['m#y', visible],
    ['m%2f', visible],
    ['m\\n', visible],
    ['m n', visible],
    ['m\n', visible],
    ['m\0', visible],
    ['m\u00a0', visible],
    ['m\u2028', visible],
    ['m\u202e', visible],
    ['m\ud800', visible],
  ])('%j is wrong', (id, description) => {
    expect(wrongWithChat({ model: id })).toEqual([`model: ${description}`])
    expect(wrongWithChat({ provider: id })).toEqual([`provider: ${description}`])
    expect(wrongWithChat({ fallbackModels: ['m', id] })).toEqual([`fallback_models[1]: ${description}`])
    expect(wrongWithEmbed({ model: id })).toEqual([`model: ${description}`])
  })

  test.each(['', 'gpt-4o', 'openai/gpt-4o', 'ft:gpt-4o:org::id', 'a/b..c/d.e', 'hf.co/x/y:Q4_K_M', 'größe', 'a@1'])(
    '%j is right',
    (id) => {
      expect(wrongWithChat({ model: id, provider: id })).toEqual([])
    },
  )

  test('an empty fallback names nothing', () => {
    expect(wrongWithChat({ fallbackModels: [''] })).toEqual(['fallback_models[0]: must not be empty'])
  })
})

describe('messages', () => {
  test.each<[string, MessageInit, string[]]>([
    ['a role is required', { content: 'x' }, ['messages[0].role: is required']],
    ['an unknown role is not guessed', { role: newRole, content: 'x' }, ['messages[0].role: must be a known role']],
    [
      'a tool message answers a call',
      { role: Role.TOOL, content: '42' },
      ['messages[0].tool_call_id: is required in a tool message'],
    ],
    [
      'only a tool message answers a call',
      { ...hello, toolCallId: 'c' },
      ['messages[0].tool_call_id: belongs to tool messages only'],
    ],
    [
      'only an assistant calls tools, thinks and refuses',
      { ...hello, toolCalls: [{ id: 'c', name: 'f' }], reasoning: [{ text: 't' }], refusal: 'no' },
      [
        'messages[0].tool_calls: belong to assistant messages only',
        'messages[0].reasoning: belongs to assistant messages only',
        'messages[0].refusal: belongs to assistant messages only',
      ],
    ],
    [
      'a tool call has an id and a name',
      { role: Role.ASSISTANT, toolCalls: [{ id: 'c', name: 'f' }, {}] },
      ['messages[0].tool_calls[1].id: is required', 'messages[0].tool_calls[1].name: is required'],
    ],
    ['an assistant may have said nothing', { role: Role.ASSISTANT }, []],
    [
      'citations are ignored',
      { role: Role.ASSISTANT, content: 'x', citations: [{ url: 'not a url', start: 5, end: 1 }] },
      [],
    ],
  ])('%s', (_name, message, violations) => {
    expect(wrongWithMessage(message)).toEqual(violations)
  })
})

describe('content beside parts', () => {
  const text = (value: string) => ({ content: { case: 'text' as const, value } })
  const image = {
    content: { case: 'image' as const, value: { source: { case: 'url' as const, value: 'https://a.test/i.png' } } },
  }
  const violation = 'messages[0].content: must be empty if there are parts, or their text joined'
  test.each<[string, MessageInit, string[]]>([
    ['none', { role: Role.USER, parts: [text('a'), image] }, []],
    ['their text joined', { role: Role.USER, content: 'ab', parts: [text('a'), image, text('b')] }, []],
    ['another text', { role: Role.USER, content: 'a', parts: [text('b')] }, [violation]],
    ['a text of its own', { role: Role.USER, content: 'a', parts: [image] }, [violation]],
    ['an answer with an image, sent back', { role: Role.ASSISTANT, content: 'a', parts: [image] }, []],
    ['an answer with another text', { role: Role.ASSISTANT, content: 'a', parts: [text('b'), image] }, [violation]],
  ])('%s', (_name, message, violations) => {
    expect(wrongWithMessage(message)).toEqual(violations)
  })
})

describe('parts', () => {
  const wrongWithPart = (part: MessageInitShape<typeof PartSchema>) =>
    wrongWithMessage({ role: Role.USER, parts: [{ content: { case: 'text', value: 'a' } }, part] })
  const data = (bytes: number, mimeType: string) =>
    wrongWithPart({
      content: { case: 'file', value: { source: { case: 'data', value: new Uint8Array(bytes) }, mimeType } },
    })
  const url = (value: string) =>
    wrongWithPart({ content: { case: 'image', value: { source: { case: 'url', value } } } })

  test('a part holds something', () => {
    expect(wrongWithPart({})).toEqual(['messages[0].parts[1]: must have a text, an image, an audio or a file'])
  })

  test('a medium has a source', () => {
    expect(wrongWithPart({ content: { case: 'audio', value: { mimeType: 'audio/wav' } } })).toEqual([
      'messages[0].parts[1].audio: must have data or a url',
    ])
  })

  test('bytes have a media type, and there are some', () => {
    expect(data(1, 'application/pdf')).toEqual([])
    expect(data(1, '')).toEqual(['messages[0].parts[1].file.mime_type: is required with data'])
    expect(data(0, 'application/pdf')).toEqual(['messages[0].parts[1].file.data: must not be empty'])
  })

  test.each(['image/svg+xml', 'audio/L16;codec=pcm;rate=24000', 'text/plain; charset=utf-8'])(
    '%j is a media type',
    (mimeType) => {
      expect(data(1, mimeType)).toEqual([])
    },
  )

  test.each(['png', 'image/', 'image/png,x', 'image/png;base64', 'a/b\n', ' a/b', `a/${'b'.repeat(254)}`])(
    '%j is no media type',
    (mimeType) => {
      expect(data(1, mimeType)).toEqual(['messages[0].parts[1].file.mime_type: must be a media type, as in image/png'])
    },
  )

  const longest = `https://a.test/${'x'.repeat(8192 - 15)}`
  test.each(['https://a.test/i.png', 'HTTP://a.test', 'gs://bucket/o', longest])('%.40j is a url', (value) => {
    expect(url(value)).toEqual([])
  })

  const scheme = 'must begin with http://, https:// or a scheme of the vendor'
  test.each([
    ['', scheme],
    ['/etc/passwd', scheme],
    ['data:image/png;base64,AAAA', scheme],
    ['https://', scheme],
    ['file:///etc/passwd', 'must not be a local file; send its bytes as data'],
    ['FILE://host/x', 'must not be a local file; send its bytes as data'],
    ['https://a.test/a b', 'must not contain spaces or control characters'],
    ['https://a.test/\r\nx', 'must not contain spaces or control characters'],
    [`${longest}x`, 'must not exceed 8192 bytes; send larger contents as data'],
  ])('%.40j is refused', (value, description) => {
    expect(url(value)).toEqual([`messages[0].parts[1].image.url: ${description}`])
  })
})

describe('tools', () => {
  const wrongWithTools = (...tools: ToolInit[]) => wrongWithChat({ tools })
  const named = 'must be 1 to 64 characters of A-Z a-z 0-9 _ . -'
  const schema = 'must be a JSON Schema: an object of at most 64 levels, as JSON text'

  test.each(['a', 'A_b-1.c', 'x'.repeat(64), '__proto__'])('%j is a name', (name) => {
    expect(wrongWithTools({ name })).toEqual([])
  })
  test.each(['', 'a b', 'ä', 'a\n', 'x'.repeat(65)])('%j is no name', (name) => {
    expect(wrongWithTools({ name })).toEqual([`tools[0].name: ${named}`])
  })
  test('names are unique', () => {
    expect(wrongWithTools({ name: 'a' }, { name: 'b' }, { name: 'a' })).toEqual([
      'tools[2].name: must be unique among the tools',
    ])
  })
  test.each(['', '{}', deep(64), ' {"type":"object"} ', '{"__proto__":{"a":1}}'])(
    '%.20j are parameters',
    (parameters) => {
      expect(wrongWithTools({ name: 'a', parameters })).toEqual([])
      expect(({} as Record<string, unknown>)['a']).toBeUndefined()
    },
  )
  test.each(['{', '[]', 'null', '"x"', '1', deep(65), deep(30_000)])('%.20j are no parameters', (parameters) => {
    expect(wrongWithTools({ name: 'a', parameters })).toEqual([`tools[0].parameters: ${schema}`])
  })

  test('parameters of too many values, together, are not even read', () => {
    const parameters = `{"a":[${'[],'.repeat(20_000)}1]}`
    expect(wrongWithTools({ name: 'a', parameters })).toEqual([])
    expect(wrongWithTools({ name: 'a', parameters }, { name: 'b', parameters })).toEqual([
      'tools[1].parameters: must not have more than 65536 values, including those of the other JSON texts',
    ])
  })
})

describe('the choice of a tool', () => {
  const tools = [{ name: 'go' }]
  test.each<[string, ChatInit, string[]]>([
    ['says something', { tools, toolChoice: {} }, ['tool_choice: must have a mode or a name']],
    ['names a tool', { tools, toolChoice: { choice: { case: 'name', value: 'go' } } }, []],
    [
      'names no other',
      { tools, toolChoice: { choice: { case: 'name', value: 'stop' } } },
      ['tool_choice.name: must be the name of one of the tools'],
    ],
    [
      'requires none where there are none',
      { toolChoice: { choice: { case: 'mode', value: ToolChoiceMode.REQUIRED } } },
      ['tool_choice.mode: must not require a tool if there are none'],
    ],
    ['requires one', { tools, toolChoice: { choice: { case: 'mode', value: ToolChoiceMode.REQUIRED } } }, []],
    ['forbids all', { toolChoice: { choice: { case: 'mode', value: ToolChoiceMode.NONE } } }, []],
    [
      'is not left open',
      { tools, toolChoice: { choice: { case: 'mode', value: ToolChoiceMode.UNSPECIFIED } } },
      ['tool_choice.mode: is required'],
    ],
    [
      'is known',
      { tools, toolChoice: { choice: { case: 'mode', value: newMode } } },
      ['tool_choice.mode: must be a known value'],
    ],
  ])('%s', (_name, init, violations) => {
    expect(wrongWithChat(init)).toEqual(violations)
  })
})

describe('the format of the answer', () => {
  const jsonSchema = (value: { name?: string; schema?: string }): ChatInit => ({
    responseFormat: { format: { case: 'jsonSchema', value } },
  })
  const at = 'response_format.json_schema'
  test.each<[string, ChatInit, string[]]>([
    ['text', { responseFormat: { format: { case: 'text', value: {} } } }, []],
    ['a JSON object', { responseFormat: { format: { case: 'jsonObject', value: {} } } }, []],
    ['nothing', { responseFormat: {} }, ['response_format: must have text, json_object or json_schema']],
    ['a schema without a name', jsonSchema({ schema: '{"type":"object"}' }), []],
    ['a long name', jsonSchema({ name: 'x'.repeat(64), schema: '{}' }), []],
    [
      'too long a name',
      jsonSchema({ name: 'x'.repeat(65), schema: '{}' }),
      [`${at}.name: must be 1 to 64 characters of A-Z a-z 0-9 _ -`],
    ],
    [
      'a name with a dot',
      jsonSchema({ name: 'a.b', schema: '{}' }),
      [`${at}.name: must be 1 to 64 characters of A-Z a-z 0-9 _ -`],
    ],
    ['no schema', jsonSchema({}), [`${at}.schema: is required`]],
    [
      'a list',
      jsonSchema({ schema: '[]' }),
      [`${at}.schema: must be a JSON Schema: an object of at most 64 levels, as JSON text`],
    ],
  ])('%s', (_name, init, violations) => {
    expect(wrongWithChat(init)).toEqual(violations)
  })
})

describe('reasoning', () => {
  test.each<[string, ChatInit, string[]]>([
    ['an effort', { reasoning: { amount: { case: 'effort', value: ReasoningEffort.HIGH } } }, []],
    ['no tokens', { reasoning: { amount: { case: 'budgetTokens', value: 0 } } }, []],
    ['nothing', { reasoning: {} }, ['reasoning: must have an effort or budget_tokens']],
    [
      'an effort left open',
      { reasoning: { amount: { case: 'effort', value: ReasoningEffort.UNSPECIFIED } } },
      ['reasoning.effort: is required'],
    ],
    [
      'an unknown effort',
      { reasoning: { amount: { case: 'effort', value: newEffort } } },
      ['reasoning.effort: must be a known value'],
    ],
  ])('%s', (_name, init, violations) => {
    expect(wrongWithChat(init)).toEqual(violations)
  })
})

describe('provider_options', () => {
  const owned = ['model', 'models', 'messages', 'contents', 'input', 'stream', 'stream_options', 'n', 'tools', 'route']
  const spellings = [
    'Model',
    'MODELS',
    'meſſages',
    'Stream-Options',
    'maxTokens',
    'max_completion_tokens',
    'Num_Predict',
  ]
  test.each([...owned, ...spellings])('must not carry %s', (name) => {
    const violation = `provider_options["openai"].${name}: must not be set; the gateway sets it`
    expect(wrongWithChat({ providerOptions: { openai: { [name]: 1 } } })).toEqual([violation])
    expect(wrongWithEmbed({ providerOptions: { openai: { [name]: 1 } } })).toEqual([violation])
  })

  test.each([
    ['options', 'num_predict'],
    ['generationConfig', 'maxOutputTokens'],
    ['generation_config', 'candidate_count'],
  ])('must not carry %s.%s', (outer, inner) => {
    expect(wrongWithChat({ providerOptions: { x: { [outer]: { [inner]: 9 } } } })).toEqual([
      `provider_options["x"].${outer}.${inner}: must not be set; the gateway sets it`,
    ])
  })

  test('may carry the same names further down', () => {
    expect(wrongWithChat({ providerOptions: { openai: { metadata: { model: 'x', n: 1 } } } })).toEqual([])
  })

  const dangerous = 'must not contain the keys __proto__, constructor or prototype'
  test.each(['{"__proto__":{"a":1}}', '{"a":[{"constructor":1}]}', '{"a":{"b":{"prototype":{}}}}'])('%s', (json) => {
    const providerOptions = { openai: JSON.parse(json) }
    expect(
      violationsOf(() => validateChat({ ...create(ChatRequestSchema, { messages: [hello] }), providerOptions })),
    ).toEqual([`provider_options["openai"]: ${dangerous}`])
  })

  test('a provider is not called __proto__', () => {
    const providerOptions = JSON.parse('{"__proto__":{"a":1}}')
    expect(
      violationsOf(() => validateChat({ ...create(ChatRequestSchema, { messages: [hello] }), providerOptions })),
    ).toEqual(['provider_options["__proto__"]: must have another key'])
  })

  test('are nested 64 deep at most', () => {
    const nested = (levels: number) => JSON.parse(deep(levels))
    expect(wrongWithChat({ providerOptions: { x: nested(64) } })).toEqual([])
    expect(wrongWithChat({ providerOptions: { x: nested(65) } })).toEqual([
      'provider_options["x"]: must not be nested deeper than 64 levels',
    ])
  })

  test('hold numbers that JSON can hold', () => {
    expect(wrongWithChat({ providerOptions: { x: { a: Number.NaN } } })).toEqual([
      'provider_options["x"]: must contain finite numbers only',
    ])
  })

  test('a label is not called __proto__, and the prototype stays as it is', () => {
    const labels = JSON.parse('{"__proto__":"x"}')
    expect(violationsOf(() => validateChat({ ...create(ChatRequestSchema, { messages: [hello] }), labels }))).toEqual([
      'labels["__proto__"]: must have another key',
    ])
  })
})

describe('a text completion', () => {
  test('that uses every field is right', () => {
    const wrong = wrongWithCompletion({
      model: 'codestral-latest',
      provider: 'mistral',
      temperature: 0,
      topP: 1,
      topK: 1,
      maxTokens: 1,
      stop: ['END'],
      seed: -5n,
      frequencyPenalty: -2,
      presencePenalty: 2,
      suffix: '}',
      providerOptions: { mistral: { min_tokens: 1 } },
      strict: true,
      taskType: 'general',
      cache: {},
      userId: 'u',
      sessionId: 's',
      labels: { team: 'red' },
      fallbackModels: ['m'],
      disableFallback: true,
      allowReset: true,
    })
    expect(wrong).toEqual([])
  })

  test('needs a prompt, or a suffix whose beginning is missing', () => {
    expect(wrongWithCompletion({ prompt: '' })).toEqual(['prompt: must not be empty'])
    expect(wrongWithCompletion({ prompt: '', suffix: '}' })).toEqual([])
  })

  test('has the ranges and the limits of a chat', () => {
    const many = times(17, () => 'a')
    const fields = { temperature: 3, topP: 0, topK: 0, maxTokens: 0, seed: 2n ** 53n, frequencyPenalty: 3 }
    const wrong = wrongWithCompletion({ ...fields, presencePenalty: Number.NaN, stop: many, fallbackModels: many })
    expect(wrong.map((line) => line.split(':')[0])).toEqual([
      'temperature',
      'top_p',
      'top_k',
      'max_tokens',
      'frequency_penalty',
      'presence_penalty',
      'seed',
      'stop',
      'fallback_models',
    ])
  })

  test('may not set in provider_options what the gateway sets', () => {
    const owned = ['model', 'prompt', 'suffix', 'stream', 'n', 'best_of', 'input_prefix', 'input_suffix', 'messages']
    const options = Object.fromEntries(owned.map((name) => [name, 'x']))
    expect(wrongWithCompletion({ providerOptions: { vllm: options } })).toEqual(
      owned.map((name) => `provider_options["vllm"].${name}: must not be set; the gateway sets it`),
    )
  })
})

describe('embedding', () => {
  test('1 to 16384 inputs, none empty', () => {
    expect(wrongWithEmbed({ inputs: [] })).toEqual(['inputs: must have at least one text'])
    expect(wrongWithEmbed({ inputs: times(16_384, () => 'x') })).toEqual([])
    expect(wrongWithEmbed({ inputs: times(16_385, () => 'x') })).toEqual([
      'inputs: must not have more than 16384 texts',
    ])
    expect(wrongWithEmbed({ inputs: ['a', '', 'c'] })).toEqual(['inputs[1]: must not be empty'])
  })

  test('vectors have a length', () => {
    expect(wrongWithEmbed({ dimensions: 1 })).toEqual([])
    expect(wrongWithEmbed({ dimensions: 0 })).toEqual(['dimensions: must be at least 1'])
  })

  test('marks are limited as a chat’s are', () => {
    expect(
      wrongWithEmbed({ userId: 'x'.repeat(257), sessionId: 'x'.repeat(257), labels: { k: 'x'.repeat(257) } }),
    ).toEqual([
      'user_id: must not exceed 256 bytes',
      'session_id: must not exceed 256 bytes',
      'labels["k"]: must not exceed 256 bytes',
    ])
  })
})

describe('the error', () => {
  test('tells the first three in its message and up to 20 in its details', () => {
    const request = create(ChatRequestSchema, { messages: times(30, () => ({ content: 'secret' })), temperature: 3 })
    const error = caught(() => validateChat(request))
    expect(error.code).toBe('INVALID_ARGUMENT')
    expect(error.message).toBe(
      'messages[0].role: is required; messages[1].role: is required; messages[2].role: is required; and 17 more, see the details',
    )
    expect(error.facts.fields).toHaveLength(20)
    expect(error.fallback || error.retry).toBe(false)
  })

  test('repeats no value, and of a key no more than its beginning', () => {
    const secret = 's3cret'.repeat(50)
    const request = create(ChatRequestSchema, {
      model: `${secret} `,
      userId: secret,
      messages: [{ role: newRole, content: secret, parts: [{ content: { case: 'text', value: 'other' } }] }],
      tools: [{ name: secret, parameters: secret }],
      labels: { k: secret },
      providerOptions: { [secret]: { model: secret } },
    })
    const error = caught(() => validateChat(request))
    const reported = JSON.stringify([error.message, error.facts.fields]).replaceAll(secret.slice(0, 64), '')
    expect(reported).not.toContain('s3cret')
  })
})

function caught(act: () => void): GatewayError {
  try {
    act()
  } catch (error) {
    if (error instanceof GatewayError) return error
  }
  throw new Error('expected a GatewayError')
}

describe('whatever is sent, the only error is INVALID_REQUEST', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('', '__proto__', 'constructor', '..'),
  )
  const number = fc.oneof(fc.double(), fc.integer({ min: -3, max: 2 ** 32 }))
  const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { maxLength: 4 })
  const oneof = <C extends string, T>(cases: readonly C[], value: fc.Arbitrary<T>) =>
    fc.record({ case: fc.constantFrom(...cases), value })
  const media = fc.record({
    source: fc.oneof(
      oneof(['url'], text),
      oneof(['data'], fc.uint8Array({ maxLength: 4 })),
      fc.constant({ case: undefined }),
    ),
    mimeType: text,
  })
  const part = fc.record({ content: fc.oneof(oneof(['text'], text), oneof(['image', 'audio', 'file'], media)) })
  const message = fc.record({
    role: fc.integer({ min: 0, max: 7 }),
    content: text,
    parts: some(part),
    reasoning: some(fc.record({ text })),
    toolCalls: some(fc.record({ id: text, name: text, arguments: text })),
    toolCallId: text,
    refusal: text,
  })
  const shared = {
    model: text,
    provider: text,
    userId: text,
    labels: fc.dictionary(text, text),
    providerOptions: fc.dictionary(text, fc.dictionary(text, fc.jsonValue({ maxDepth: 3 }))),
  }
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
  const chat = fc.record({
    ...shared,
    messages: some(message),
    temperature: optional(number),
    topP: optional(number),
    topK: optional(number),
    maxTokens: optional(number),
    seed: optional(fc.bigInt()),
    stop: some(text),
    fallbackModels: some(text),
    tools: some(fc.record({ name: text, parameters: fc.oneof(text, fc.json()) })),
    toolChoice: optional(fc.record({ choice: fc.oneof(oneof(['name'], text), oneof(['mode'], fc.nat(5))) })),
    reasoning: optional(fc.record({ amount: oneof(['effort', 'budgetTokens'], fc.nat(9)) })),
    responseFormat: optional(
      fc.record({
        format: fc.oneof(
          fc.constant({ case: undefined }),
          oneof(['jsonSchema'], fc.record({ name: text, schema: text })),
        ),
      }),
    ),
  })

  test('chats made of anything', () => {
    fc.assert(
      fc.property(chat, (init) => {
        // The generated cases and values belong together: each oneof draws both.
        const request = create(ChatRequestSchema, init as ChatInit)
        expect(violationsOf(() => validateChat(request)).length).toBeLessThanOrEqual(20)
      }),
      { numRuns: 500 },
    )
  })

  test('embeddings made of anything', () => {
    fc.assert(
      fc.property(fc.record({ ...shared, inputs: some(text), dimensions: optional(number) }), (init) => {
        const request = create(EmbedRequestSchema, init as EmbedInit)
        expect(violationsOf(() => validateEmbed(request)).length).toBeLessThanOrEqual(20)
      }),
      { numRuns: 200 },
    )
  })

  test('a chat keeps its verdict on its way over the wire', () => {
    const request = create(ChatRequestSchema, {
      messages: [hello],
      providerOptions: { x: { a: 1 } },
      labels: { a: 'b' },
      maxTokens: 0,
    })
    const received = fromBinary(ChatRequestSchema, toBinary(ChatRequestSchema, request))
    expect(violationsOf(() => validateChat(received))).toEqual(['max_tokens: must be 1 to 2147483647'])
  })
})
