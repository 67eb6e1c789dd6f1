import { isDeepStrictEqual } from 'node:util'
import type { Recorder, Recording, Sent } from '../recorder.ts'
import type { RequestName } from '../requests.ts'
import type { RequestWire } from '../wires.ts'
import { sayAnthropic } from './anthropic.ts'
import { sayGemini } from './gemini.ts'
import { normalised } from './normalise.ts'
import { sayOllama } from './ollama.ts'
import { sayAzure, sayFamily, sayOpenAi } from './openai.ts'
import { sayOpenAiResponses } from './openai-responses.ts'
import type { Say } from './say.ts'

type Said = Omit<Sent, 'warnings'>

const clients: Readonly<Record<string, Say>> = {
  openai: sayOpenAi,
  'openai-reasoning': sayOpenAi,
  'openai-responses': sayOpenAiResponses,
  azure: sayAzure,
  groq: sayFamily,
  openrouter: sayFamily,
  anthropic: sayAnthropic,
  'anthropic-adaptive': sayAnthropic,
  gemini: sayGemini,
  'gemini-levels': sayGemini,
  ollama: sayOllama,
}

/** How a recording departs from what the vendor's own client sends; undefined where that cannot say the request. */
export async function differencesFromClient(
  recorder: Recorder,
  wire: RequestWire,
  request: RequestName,
  recording: Recording,
): Promise<readonly string[] | undefined> {
  const said = clients[wire.name]?.(wire, recorder.addressOf(wire), request)
  if (!said) return undefined
  await said
  const [theirs] = recorder.takeSent()
  if (!theirs) return ['the client sent nothing']
  if ('refused' in recording) return [`the client can say it, and the gateway refuses it: ${recording.refused.message}`]
  return [...headDifferences(wire, recording, theirs), ...bodyDifferences(wire, recording, theirs)]
}

/** What the vendor reads. Of Anthropic's client see `anthropic.ts`. */
const headers: Readonly<Record<RequestWire['answers'], readonly string[]>> = {
  openai: ['content-type', 'authorization', 'api-key'],
  responses: ['content-type', 'authorization', 'api-key'],
  anthropic: ['content-type'],
  gemini: ['content-type', 'x-goog-api-key'],
  ollama: ['content-type'],
}

function headDifferences({ answers }: RequestWire, ours: Sent, theirs: Said): string[] {
  return ['path', ...headers[answers]].flatMap((name) => {
    const [got, expected] = [ours, theirs].map((sent) => (name === 'path' ? sent.path : sent.headers[name]))
    return got === expected ? [] : [`${name}: the client says ${expected}, the gateway ${got}`]
  })
}

function bodyDifferences({ answers }: RequestWire, ours: Sent, theirs: Said): string[] {
  const [got, expected] = [normalised(answers, ours.body), normalised(answers, theirs.body)]
  if (isDeepStrictEqual(got, expected)) return []
  return [`body: the client says ${JSON.stringify(expected)}, the gateway ${JSON.stringify(got)}`]
}
