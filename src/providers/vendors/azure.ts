import { z } from 'zod'
import { openAiSigns } from './failures/openai-family.ts'
import { openAiMedia } from './media-tokens.ts'
import type { Options, Paths } from './openai/dialect.ts'
import { apiOption, completionsOf, openAiDialect, openAiKind, openAiResponses, summaryOption } from './openai/kind.ts'
import { openai } from './presets.ts'

/** The newest dated version: reasoning models need one of 2024-12 or later. */
const DEFAULT_API_VERSION = '2025-04-01-preview'

/** Where a model is deployed; the name of the deployment says nothing of its model. */
interface Deployment {
  /** Default: the name that callers use. */
  readonly deployment?: string | undefined
  /** The model that its prices and its rules are those of. */
  readonly model: string
}

/** OpenAI's API at Azure's addresses. https://learn.microsoft.com/en-us/azure/ai-services/openai/reference */
const paths: Paths = {
  chat: (model, options) => deploymentPath(model, 'chat/completions', options),
  embed: (model, options) => deploymentPath(model, 'embeddings', options),
  // The models that the resource could deploy: what is deployed cannot be listed with a key.
  models: (options) => `/openai/models?${versionQuery(options)}`,
}

function deploymentPath(model: string, operation: string, options: Options): string {
  const deployment = encodeURIComponent(deploymentOf(model, options))
  return `/openai/deployments/${deployment}/${operation}?${versionQuery(options)}`
}

/** The deployment that is configured for the model, else the one of its name. */
function deploymentOf(name: string, options: Options): string {
  const configured = configuredFor(name, options)
  return (typeof configured === 'string' ? configured : configured?.deployment) ?? name
}

/** The model behind the name that callers use. */
function modelOf(name: string, options: Options): string {
  const configured = configuredFor(name, options)
  return typeof configured === 'object' ? configured.model : name
}

function configuredFor(name: string, { deployments }: Options): string | Deployment | undefined {
  // The schema of the option below has checked it.
  const configured = (deployments ?? {}) as Readonly<Record<string, string | Deployment>>
  return Object.hasOwn(configured, name) ? configured[name] : undefined
}

function versionQuery(options: Options): string {
  return `api-version=${encodeURIComponent(versionOf(options))}`
}

/** A date, as in `2024-10-21` or `2025-04-01-preview`. */
function versionOf({ api_version: version }: Options): string {
  return typeof version === 'string' ? version : DEFAULT_API_VERSION
}

export const azure = openAiKind({
  kind: 'azure',
  failures: openAiSigns,
  key: { name: 'api-key', prefix: '' },
  baseUrlEndings: /\/openai(\/.*)?$/,
  environment: {
    keys: ['AZURE_OPENAI_API_KEY'],
    baseUrl: ['AZURE_OPENAI_ENDPOINT'],
    defaultModel: ['AZURE_OPENAI_DEPLOYMENT_NAME'],
    options: { api_version: ['AZURE_OPENAI_API_VERSION'] },
  },
  genAiName: 'azure.ai.openai',
  prices: 'azure',
  mediaTokens: openAiMedia,
  capabilities: openai.capabilities,
  options: {
    api_version: z.string().min(1).default(DEFAULT_API_VERSION),
    deployments: z
      .record(
        z.string(),
        z
          .string()
          .min(1)
          .or(z.strictObject({ deployment: z.string().min(1).optional(), model: z.string().min(1) })),
      )
      .optional(),
    ...apiOption,
    ...summaryOption,
  },
  dialect: {
    ...openAiDialect,
    paths,
    modelOf,
    // The path of the v1 API, which needs no version.
    completions: {
      ...completionsOf(openAiDialect, 'chat'),
      path: (model, options) => deploymentPath(model, 'completions', options),
    },
    responses: { ...openAiResponses, path: '/openai/v1/responses', modelField: deploymentOf },
    // Older versions refuse the request for usage, and report none in streams.
    streamUsage: (options) => versionOf(options) >= '2024-09',
  },
})
