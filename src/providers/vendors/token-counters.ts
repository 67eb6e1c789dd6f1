import type { TokenCounter, UpstreamRequest } from '../define.ts'
import { fieldsOf, textOf } from './json.ts'

/*
 * How vendors count the tokens of a chat without answering it. Each reads the chat as its own encoder writes it, and
 * takes the fields that count.
 */

type Fields = Readonly<Record<string, unknown>>

function post(path: string, body: unknown, more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return { path, body: JSON.stringify(body), ...more }
}

function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]))
}

function numberIn(body: unknown, name: string): number | undefined {
  const count = fieldsOf(body)[name]
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 ? count : undefined
}

/** https://platform.claude.com/docs/en/api/messages/count_tokens */
export const anthropicCounter: TokenCounter = {
  steps: [
    ({ fields, headers }) =>
      post(
        '/v1/messages/count_tokens',
        pick(fields, ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking']),
        {
          ...(headers && { headers }),
        },
      ),
  ],
  read: (body) => numberIn(body, 'input_tokens'),
}

/** https://ai.google.dev/api/tokens#method:-models.counttokens */
export const geminiCounter: TokenCounter = {
  steps: [
    ({ fields, path, model }) => {
      const id = model.startsWith('models/') ? model : `models/${model}`
      return post(path.replace(/:\w+(\?.*)?$/, ':countTokens'), { generateContentRequest: { model: id, ...fields } })
    },
  ],
  read: (body) => numberIn(body, 'totalTokens'),
}

/** https://platform.openai.com/docs/api-reference/responses/input-tokens */
export const openAiCounter: TokenCounter = {
  api: 'responses',
  steps: [
    ({ fields }) =>
      post(
        '/responses/input_tokens',
        pick(fields, [
          'model',
          'input',
          'instructions',
          'tools',
          'tool_choice',
          'text',
          'reasoning',
          'parallel_tool_calls',
        ]),
      ),
  ],
  read: (body) => numberIn(body, 'input_tokens'),
}

/** https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#tokenizer-api */
export const vllmCounter: TokenCounter = {
  steps: [
    ({ fields }) =>
      post(
        '/tokenize',
        { ...pick(fields, ['model', 'messages', 'tools']), add_generation_prompt: true },
        { base: 'server' },
      ),
  ],
  read: (body) => numberIn(body, 'count'),
}

/** https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md */
export const llamacppCounter: TokenCounter = {
  steps: [
    ({ fields }) => post('/apply-template', pick(fields, ['messages', 'tools']), { base: 'server' }),
    (_chat, template) =>
      post(
        '/tokenize',
        { content: textOf(fieldsOf(template)['prompt']), add_special: true, parse_special: true },
        { base: 'server' },
      ),
  ],
  read: (body) => {
    const { tokens } = fieldsOf(body)
    return Array.isArray(tokens) ? tokens.length : undefined
  },
}
