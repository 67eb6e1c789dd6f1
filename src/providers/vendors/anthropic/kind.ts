import { Capability } from '../../../domain/types.ts'
import type { ProviderKind } from '../../define.ts'
import { anthropicSigns } from '../failures/anthropic.ts'
import { anthropicMedia } from '../media-tokens.ts'
import { traitsOf } from './models.ts'
import { anthropicWire } from './wire.ts'

const { CHAT, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING, IMAGE_INPUT, FILE_INPUT } = Capability

export const anthropic: ProviderKind = {
  kind: 'anthropic',
  failures: anthropicSigns,
  baseUrlEndings: /\/v1(\/messages)?$|\/messages$/,
  wire: anthropicWire,
  baseUrl: 'https://api.anthropic.com',
  // Some libraries expect the version in this variable; the vendor's own do not.
  readAddress: (value) => value.replace(/\/v1\/?$/, ''),
  key: { name: 'x-api-key', prefix: '' },
  environment: {
    keys: ['ANTHROPIC_API_KEY'],
    baseUrl: ['ANTHROPIC_BASE_URL'],
    defaultModel: ['ANTHROPIC_MODEL'],
  },
  defaultModel: 'claude-sonnet-4-6',
  prices: 'anthropic',
  models: { rulesOf: traitsOf, settable: ['sampling'] },
  mediaTokens: anthropicMedia,
  capabilities: [CHAT, TOOLS, JSON_OBJECT, JSON_SCHEMA, REASONING, IMAGE_INPUT, FILE_INPUT],
}
