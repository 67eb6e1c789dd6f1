import type { Defaults } from '../../../domain/calls/call.ts'
import type { ChatRequest } from '../../../domain/types.ts'
import type { ChatContext, UpstreamRequest, WireContext } from '../../define.ts'
import { fieldsOf, type JsonFields, objectJson } from '../json.ts'
import { isBlank } from './blocks.ts'
import { encodeMessages } from './messages.ts'
import { type ModelTraits, traitsOf } from './models.ts'
import { type Thinking, thinkingOf } from './thinking.ts'
import { planTools } from './tools.ts'

type LeaveOut = WireContext['leaveOut']

/** API version, a header of every request. https://platform.claude.com/docs/en/api/versioning */
export const VERSION = { 'anthropic-version': '2023-06-01' }

/** `max_tokens` of requests without one; the vendor requires the field. */
const MAX_TOKENS = 4096
/** Smallest `top_p` that the vendor takes while the model thinks. */
const MIN_TOP_P_THINKING = 0.95

/**
 * Encodes a chat request. Throws UNSUPPORTED for content, tools and formats that the model cannot carry.
 *
 * | ours | the vendor's |
 * |---|---|
 * | max_tokens | the same; without one 4096, and room for the thinking that is asked for |
 * | temperature, top_p, top_k | the same, up to a temperature of 1; only where the model takes them, and does not think |
 * | stop | `stop_sequences`, but for blank ones |
 * | seed, frequency_penalty, presence_penalty | left out |
 * | reasoning | `thinking` with a budget, or with `output_config.effort`, as the model wants it |
 * | provider_options | merged last; `output_config` field by field |
 *
 * https://platform.claude.com/docs/en/api/messages/create
 */
export function encodeChat(request: ChatRequest, context: ChatContext): UpstreamRequest {
  const { model, stream, defaults, extra } = context
  const leaveOut: LeaveOut = (field, why) => context.leaveOut(field, why)
  const traits: ModelTraits = { ...traitsOf(model), ...context.overrides }
  const { messages, system, isBegun } = encodeMessages(request.messages, traits, leaveOut)
  const plan = planTools(request, traits)
  const maxTokens = request.maxTokens ?? defaults.maxTokens
  const { isForced } = plan
  const thinking = thinkingOf({ request, traits, maxTokens, isForced, isBegun, leaveOut })
  const fields = {
    model,
    max_tokens: maxTokens ?? MAX_TOKENS + thinking.room,
    ...(stream && { stream }),
    ...tuningOf(request, leaveOut),
    ...samplingOf(request, defaults, traits, thinking, leaveOut),
    ...(thinking.config && { thinking: thinking.config }),
    ...(plan.choice && { tool_choice: plan.choice }),
  }
  const output = outputConfig(thinking, plan.schema, fieldsOf(extra['output_config']))
  const { output_config: _merged, ...others } = extra
  return {
    path: '/v1/messages',
    headers: VERSION,
    body: objectJson(
      { ...fields, ...others },
      {
        messages,
        ...(system !== undefined && !Object.hasOwn(extra, 'system') && { system }),
        ...(plan.tools !== undefined && { tools: plan.tools }),
        ...(output !== undefined && { output_config: output }),
      },
    ),
  }
}

function tuningOf({ stop, seed, frequencyPenalty, presencePenalty }: ChatRequest, leaveOut: LeaveOut): JsonFields {
  if (seed !== undefined) leaveOut('seed', 'the vendor has none')
  if (frequencyPenalty) leaveOut('frequency_penalty', 'the vendor has none')
  if (presencePenalty) leaveOut('presence_penalty', 'the vendor has none')
  const blank = stop.findIndex(isBlank)
  if (blank >= 0) leaveOut(`stop[${blank}]`, 'the vendor refuses texts of white space')
  const sequences = stop.filter((text) => !isBlank(text))
  return sequences.length > 0 ? { stop_sequences: sequences } : {}
}

/** Values equal to the default, and configured defaults that the model refuses, are left out without a warning. */
function samplingOf(
  request: ChatRequest,
  defaults: Defaults,
  { sampling }: ModelTraits,
  { isOn }: Thinking,
  leaveOut: LeaveOut,
): JsonFields {
  const { temperature, topP, topK } = request
  const takesAny = sampling !== 'none'
  const isFree = takesAny && !isOn
  const refusal = takesAny ? 'the model does not take it while it thinks' : 'the model does not take it'
  const fields: Record<string, unknown> = {}
  const send = (field: string, value: number | undefined, isTaken: boolean, why = refusal, neutral?: number): void => {
    if (value === undefined) return
    if (isTaken) fields[field] = value
    else if (value !== neutral) leaveOut(field, why)
  }
  // The vendor's scale ends at 1, which is also its default.
  const isHot = temperature !== undefined && temperature > 1
  send('temperature', temperature, isFree && !isHot, isHot ? 'the vendor takes 1 at most, as it does now' : refusal, 1)
  const isSecond = sampling === 'one' && 'temperature' in fields
  const takesTopP = isFree || (takesAny && topP !== undefined && topP >= MIN_TOP_P_THINKING)
  send('top_p', topP, takesTopP && !isSecond, isSecond ? 'the model takes it or temperature' : refusal, 1)
  send('top_k', topK, isFree)
  const { temperature: usual } = defaults
  const isOpen = temperature === undefined && (sampling !== 'one' || topP === undefined)
  if (usual !== undefined) send('temperature', usual, isFree && isOpen && usual <= 1, refusal, usual)
  return fields
}

/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
function outputConfig({ effort }: Thinking, schema: string | undefined, extra: JsonFields): string | undefined {
  const given = Object.hasOwn(extra, 'format')
  const format = schema === undefined || given ? undefined : objectJson({ type: 'json_schema' }, { schema })
  const fields = { ...(effort !== undefined && { effort }), ...extra }
  if (format === undefined && Object.keys(fields).length === 0) return undefined
  return objectJson(fields, format === undefined ? {} : { format })
}
