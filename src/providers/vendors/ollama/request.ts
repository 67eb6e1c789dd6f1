import type { Defaults, TextRequest } from '../../../domain/calls/call.ts'
import { unsupported } from '../../../domain/errors/error.ts'
import {
  type ChatRequest,
  ReasoningEffort,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
  ToolChoiceMode,
} from '../../../domain/types.ts'
import type { UpstreamRequest, WireContext } from '../../define.ts'
import { objectJson } from '../json.ts'
import { encodeMessages, type LeaveOut } from './messages.ts'
import { bodyFields } from './options.ts'

type Context = WireContext & { readonly stream: boolean; readonly defaults: Defaults }

/**
 * Encodes a chat request. Throws UNSUPPORTED for content and tool choices that Ollama cannot carry.
 *
 * | ours | Ollama's |
 * |---|---|
 * | temperature, top_p, top_k, seed, stop, frequency_penalty, presence_penalty | the same, in `options` |
 * | max_tokens | `options.num_predict` |
 * | reasoning | `think`: true or false, or how much; a budget is left out |
 * | response_format | `format`: "json", or the schema itself, which it always follows strictly |
 * | tools | `tools`, left away where none may be called; it cannot be made to call one |
 * | parallel_tool_calls | left out |
 *
 * https://docs.ollama.com/api/chat
 */
export function encodeChat(request: ChatRequest, context: Context): UpstreamRequest {
  const leaveOut: LeaveOut = (field, why) => context.leaveOut(field, why)
  const messages = encodeMessages(request.messages, leaveOut)
  const think = thinkOf(request, leaveOut)
  const fields = {
    model: context.model,
    // Ollama streams by default.
    stream: context.stream,
    ...(think !== undefined && { think }),
    ...bodyFields(context, tuningOf(request, context.defaults)),
  }
  const tools = encodeTools(request, leaveOut)
  const format = Object.hasOwn(context.extra, 'format') ? undefined : formatJson(request.responseFormat)
  return {
    path: '/api/chat',
    body: objectJson(fields, {
      messages: `[${messages.join(',')}]`,
      ...(tools !== undefined && { tools }),
      ...(format !== undefined && { format }),
    }),
  }
}

/** Sampling fields by Ollama's names. */
export function tuningOf(request: TextRequest, defaults: Defaults): Record<string, unknown> {
  const tuning = {
    temperature: request.temperature ?? defaults.temperature,
    top_p: request.topP,
    top_k: request.topK,
    num_predict: request.maxTokens ?? defaults.maxTokens,
    stop: request.stop.length > 0 ? request.stop : undefined,
    // Within +-(2^53 - 1), as the contract says.
    seed: request.seed === undefined ? undefined : Number(request.seed),
    frequency_penalty: request.frequencyPenalty,
    presence_penalty: request.presencePenalty,
  }
  return Object.fromEntries(Object.entries(tuning).filter(([, value]) => value !== undefined))
}

/** Models without levels think for every level. https://docs.ollama.com/capabilities/thinking */
const think: Readonly<Partial<Record<ReasoningEffort, string | false>>> = {
  [ReasoningEffort.NONE]: false,
  [ReasoningEffort.LOW]: 'low',
  [ReasoningEffort.MEDIUM]: 'medium',
  [ReasoningEffort.HIGH]: 'high',
}

function thinkOf({ reasoning }: ChatRequest, leaveOut: LeaveOut): string | boolean | undefined {
  const amount = reasoning?.amount
  if (amount?.case === undefined) return undefined
  if (amount.case === 'budgetTokens') {
    if (amount.value === 0) return false
    leaveOut('reasoning.budget_tokens', 'Ollama takes an effort only')
    return undefined
  }
  const word = think[amount.value]
  if (word === undefined) leaveOut('reasoning', 'Ollama does not know this effort')
  return word
}

/** Tools as JSON text; undefined if none may be called. */
function encodeTools(request: ChatRequest, leaveOut: LeaveOut): string | undefined {
  const { tools, toolChoice, parallelToolCalls } = request
  if (tools.length === 0 || !mayCall(toolChoice)) return undefined
  if (parallelToolCalls === false) leaveOut('parallel_tool_calls', 'Ollama leaves it to the model')
  if (tools.some(({ strict }) => strict === true)) leaveOut('tools.strict', 'Ollama cannot promise it')
  return `[${tools.map(toolJson).join(',')}]`
}

function mayCall(toolChoice: ToolChoice | undefined): boolean {
  const choice = toolChoice?.choice
  if (choice?.case === 'name' || choice?.value === ToolChoiceMode.REQUIRED) {
    throw unsupported('tool_choice', 'the target cannot be made to call a tool')
  }
  return choice?.value !== ToolChoiceMode.NONE
}

function toolJson({ name, description, parameters }: Tool): string {
  const schema = parameters === '' ? '{"type":"object","properties":{}}' : parameters
  const called = objectJson({ name, ...(description !== '' && { description }) }, { parameters: schema })
  return objectJson({ type: 'function' }, { function: called })
}

/** https://docs.ollama.com/capabilities/structured-outputs */
function formatJson(responseFormat: ResponseFormat | undefined): string | undefined {
  const format = responseFormat?.format
  if (format?.case === 'jsonObject') return '"json"'
  return format?.case === 'jsonSchema' ? format.value.schema : undefined
}
