import type { RequestWire } from '../wires.ts'

type Fields = Readonly<Record<string, unknown>>

/** A body in which equal meanings look alike: the different spellings that the vendor takes for one thing are one. */
export function normalised(answers: RequestWire['answers'], body: unknown): unknown {
  return rewrite(body, rules[answers])
}

/** Rewrites every object of a value, the innermost first. Fields without a value are left out. */
function rewrite(value: unknown, rule: (fields: Fields) => Fields): unknown {
  if (Array.isArray(value)) return value.map((item) => rewrite(item, rule))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, inner]) => [name, rewrite(inner, rule)] as const)
  return withoutNothing(rule(Object.fromEntries(entries)))
}

function withoutNothing(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
}

const rules: Readonly<Record<RequestWire['answers'], (fields: Fields) => Fields>> = {
  /** Parts of text are their text joined; a function without parameters takes none. */
  openai(fields) {
    const { content, parameters } = fields
    return {
      ...fields,
      ...(isTexts(content) && { content: content.map(({ text }) => text).join('') }),
      ...(isEmptySchema(parameters) && { parameters: undefined }),
    }
  },
  /** A function without parameters takes none; the client says so with null. */
  responses(fields) {
    return { ...fields, ...(isEmptySchema(fields['parameters']) && { parameters: undefined }) }
  },
  /** A text is a block of text; prefixes are cached for five minutes unless something else is said. */
  anthropic(fields) {
    const { content, system, ttl } = fields
    return {
      ...fields,
      ...(typeof content === 'string' && { content: [{ type: 'text', text: content }] }),
      ...(typeof system === 'string' && { system: [{ type: 'text', text: system }] }),
      ...(ttl === '5m' && { ttl: undefined }),
    }
  },
  /** The system's text needs no role; an empty configuration says nothing. */
  gemini(fields) {
    const { systemInstruction: system, generationConfig: config } = fields
    return {
      ...fields,
      ...(typeof system === 'object' && { systemInstruction: withoutNothing({ ...system, role: undefined }) }),
      ...(JSON.stringify(config) === '{}' && { generationConfig: undefined }),
    }
  },
  /** The client knows no ids of calls. */
  ollama({ tool_call_id: _id, ...fields }) {
    return 'function' in fields ? { ...fields, id: undefined } : fields
  },
}

function isTexts(content: unknown): content is readonly { text: string }[] {
  return Array.isArray(content) && content.every(({ type }) => type === 'text')
}

function isEmptySchema(schema: unknown): boolean {
  return JSON.stringify(schema) === '{"type":"object","properties":{}}'
}
