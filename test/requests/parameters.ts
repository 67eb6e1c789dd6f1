import { kindNamed, kinds } from '../../src/providers/index.ts'
import { encodeComplete } from '../support/encode.ts'
import { cellOf } from './parameter-cell.ts'
import { type Section, sections } from './parameter-sections.ts'

/** What becomes of each field of a request at each vendor, found out by asking its encoder. As Markdown. */
export function parametersPage(): string {
  return [INTRODUCTION, ...sections.map(sectionOf), completions(), limits()].join('\n\n').concat('\n')
}

const INTRODUCTION = `# What each vendor takes

Made by \`npx vitest run test/requests/parameters.test.ts --update\` from the code itself; the same test fails when the two part.

| in a cell | means |
|---|---|
| a name | the vendor's field that it is sent in |
| yes | it is sent among the messages |
| warns | it is left out and named in \`route.warnings\`; with \`strict\` the target is skipped |
| (warns) | it is sent as near as the vendor can have it, and named in \`route.warnings\` |
| no | the target is skipped; without another one the call fails with INVALID_ARGUMENT, which names the part |
| – | nothing is sent, because the vendor does it anyway or has no use for it |
| as … | it is sent so |
| Responses API | the request is sent by that API; without it by the chat API |

What the gateway does not know can be sent in \`provider_options\`. Models that are not
listed go with their family, by their names.

Two vendors read only part of JSON Schema in a \`json_schema\`. Gemini gets the schema without the keywords that it does
not read (\`pattern\`, \`minLength\`, \`allOf\` ...), each of which is named in \`route.warnings\`. Anthropic's models are told
of bounds in words, in the descriptions of the schema.`

/** Models that stand for their vendor's families. Other vendors treat all models alike. */
const families: Readonly<Record<string, readonly string[]>> = {
  openai: ['gpt-4o-mini', 'gpt-5-mini', 'gpt-5.1', 'gpt-5.4', 'gpt-5.5', 'gpt-5-pro', 'o4-mini'],
  azure: ['gpt-4o', 'gpt-5-mini'],
  anthropic: ['claude-haiku-4-5', 'claude-sonnet-4-6', 'claude-opus-4-7', 'claude-opus-5-5'],
  gemini: ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-3-pro-preview', 'gemini-3.8-flash'],
  groq: ['llama-3.3-70b-versatile', 'openai/gpt-oss-20b', 'qwen/qwen3-32b'],
  xai: ['grok-4', 'grok-3-mini', 'grok-4-fast-non-reasoning'],
  mistral: ['mistral-large-latest', 'mistral-small-latest'],
}

/** Models that stand for those that complete texts, where not all of a vendor's models do. */
const completing: Readonly<Record<string, string>> = {
  openai: 'gpt-3.5-turbo-instruct',
  azure: 'gpt-3.5-turbo-instruct',
  mistral: 'codestral-latest',
}

const sampling = {
  temperature: 0.5,
  topP: 0.5,
  topK: 40,
  maxTokens: 77,
  stop: ['END'],
  seed: 7n,
  frequencyPenalty: 0.5,
  presencePenalty: 0.5,
}

/** Where text completions are asked for, and what is left out there. */
function completions(): string {
  const rows = kinds.flatMap(({ kind, wire }) => {
    if (!wire?.complete) return []
    const model = completing[kind] ?? ANY
    const asked = encodeComplete(kind, sampling, { model })
    return [
      line([
        nameOf(kind, model),
        pathOf(asked?.path),
        gapOf(kind, model),
        asked?.leftOut.map(quoted).join(', ') || '–',
      ]),
    ]
  })
  const head = [line(['', 'endpoint', 'with a suffix', 'left out']), line(['---', '---', '---', '---'])]
  const text =
    'Models that are not listed are asked by a chat. `completions: native` or `chat` under `providers.<name>.models` ' +
    'overrides that. A suffix that cannot be sent makes the gateway ask the next target.'
  return ['## Text completion', '', text, '', ...head, ...rows].join('\n')
}

function gapOf(kind: string, model: string): string {
  try {
    const asked = encodeComplete(kind, { suffix: 'b' }, { model })
    return asked ? pathOf(asked.path) : 'no'
  } catch {
    return 'no'
  }
}

function pathOf(path: string | undefined): string {
  return path === undefined ? 'a chat' : quoted(path.split('?')[0] ?? '')
}

function quoted(text: string): string {
  return `\`${text}\``
}

function sectionOf(section: Section): string {
  const names = Object.keys(section.fields)
  const rows = targets().map(({ kind, model }) => {
    const cells = Object.values(section.fields).map((field) => cellOf(kind, model, field, section.values ?? false))
    return line([nameOf(kind, model), ...cells])
  })
  return [`## ${section.title}`, '', line(['', ...names]), line(['', ...names].map(() => '---')), ...rows].join('\n')
}

/** What the vendors' tables of models say beyond the fields of a request. */
function limits(): string {
  const columns = [
    'API',
    'sampling',
    'stop texts',
    'tools',
    'thinks with tools',
    'inputs of an embedding',
    'its tokens',
  ]
  const rows = targets().map(({ kind, model }) => line([nameOf(kind, model), ...limitsOf(kind, model).map(cell)]))
  const head = [line(['', ...columns]), line(['', ...columns].map(() => '---'))]
  const text =
    'From the tables of models, where each row has its source and date. `providers.<name>.models` in the configuration ' +
    'overrides them. A dash: the vendor states no limit, or all of its models are alike.'
  return ['## Limits', '', text, '', ...head, ...rows].join('\n')
}

function limitsOf(kind: string, model: string): readonly (string | number | boolean | undefined)[] {
  const { models, wire } = kindNamed(kind) ?? {}
  const { api, sampling, maxStops, maxTools, effortWithTools } = models?.rulesOf(model, {}) ?? {}
  const { inputs, tokens } = wire?.embed?.limits ?? {}
  return [api, sampling, maxStops, maxTools, effortWithTools, inputs, tokens]
}

function cell(value: string | number | boolean | undefined): string {
  if (typeof value === 'number') return value.toLocaleString('en')
  return value === undefined ? '–' : typeof value === 'boolean' ? (value ? 'yes' : 'no') : `\`${value}\``
}

function nameOf(kind: string, model: string): string {
  return model === ANY ? `\`${kind}\`` : `\`${kind}/${model}\``
}

/** A model's name that says nothing. */
const ANY = 'model'

function targets(): { kind: string; model: string }[] {
  const spoken = kinds.filter(({ wire }) => wire)
  return spoken.flatMap(({ kind }) => (families[kind] ?? [ANY]).map((model) => ({ kind, model })))
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
