import { Capability } from '../../../domain/types.ts'
import type { ProviderKind } from '../../define.ts'
import { geminiSigns } from '../failures/gemini.ts'
import { geminiMedia } from '../media-tokens.ts'
import { traitsOf } from './models.ts'
import { modelId } from './request/request.ts'
import { geminiWire } from './wire.ts'

const { CHAT, EMBED, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING, IMAGE_INPUT, AUDIO_INPUT, FILE_INPUT } = Capability

export const gemini: ProviderKind = {
  kind: 'gemini',
  failures: geminiSigns,
  baseUrlEndings: /\/models(\/.*)?$|\/openai(\/.*)?$/,
  alsoKnownAs: ['google'],
  wire: geminiWire,
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
  key: { name: 'x-goog-api-key', prefix: '' },
  environment: {
    keys: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    baseUrl: ['GEMINI_BASE_URL'],
    defaultModel: ['GEMINI_MODEL'],
  },
  defaultModel: 'gemini-3.8-flash',
  defaultEmbedModel: 'gemini-embedding-2',
  // https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
  genAiName: 'gcp.gemini',
  prices: 'google',
  onCancel: 'runs_on',
  models: {
    rulesOf: (model) => traitsOf(modelId(model)),
    settable: ['sampling', 'systemRole', 'maxStops', 'batchInputs', 'batchTokens'],
  },
  mediaTokens: geminiMedia,
  capabilities: [CHAT, EMBED, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING, IMAGE_INPUT, AUDIO_INPUT, FILE_INPUT],
}
