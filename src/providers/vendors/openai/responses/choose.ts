import { type ChatRequest, type Part, Role } from '../../../../domain/types.ts'
import type { ChatContext } from '../../../define.ts'
import { makerOf } from '../../signature.ts'
import type { OpenAiDialect, OpenAiRules } from '../dialect.ts'
import { rulesOf } from '../models.ts'
import { wantedThinking } from '../thinking.ts'

export type Api = 'chat' | 'responses'

/**
 * The API for a request. What the operator sets for the model counts first, then what is set for the provider, then the
 * vendor's table, then what the request needs.
 */
export function apiFor(
  request: ChatRequest,
  { model, options, overrides }: Pick<ChatContext, 'model' | 'options' | 'overrides'>,
  dialect: OpenAiDialect,
): Api {
  if (!dialect.responses) return 'chat'
  const { api = 'auto' } = options
  const forced = overrides.api ?? api
  if (forced === 'chat' || forced === 'responses') return forced
  if (!dialect.responses.auto) return 'chat'
  const rules = rulesOf(dialect, model, options, overrides)
  return rules.api ?? (needsResponses(request, rules, dialect) ? 'responses' : 'chat')
}

function needsResponses(request: ChatRequest, rules: OpenAiRules, dialect: OpenAiDialect): boolean {
  const hasTools = request.tools.length > 0
  if (hasTools && rules.effortWithTools === false && wantedThinking(request, rules, dialect, ignore).isOn) return true
  return request.messages.some(({ role, parts, reasoning }) => {
    if (role === Role.TOOL) return parts.some(isMedia)
    if (role === Role.USER) return parts.some(isFileUrl)
    // Only this API takes reasoning back.
    return rules.thinksByDefault !== undefined && reasoning.some(({ signature }) => makerOf(signature) === 'openai')
  })
}

/** The encoder reports what it leaves out. */
function ignore(): void {}

function isFileUrl({ content }: Part): boolean {
  return content.case === 'file' && content.value.source.case === 'url'
}

function isMedia({ content }: Part): boolean {
  return content.case === 'image' || content.case === 'file'
}
