import { unsupported } from '../../../domain/errors/error.ts'
import type { ChatRequest } from '../../../domain/types.ts'
import type { ChatContext } from '../../define.ts'
import type { OpenAiDialect, OpenAiRules, TuningField } from './dialect.ts'
import type { Thinking } from './thinking.ts'

type Fields = Record<string, unknown>

/** What decides how tuning fields are sent. */
export interface TuningTarget {
  /** The API's name of each field that it takes. */
  readonly taken: OpenAiDialect['tuning']
  /** Its field for the largest number of tokens. */
  readonly tokenField: string
  readonly rules: OpenAiRules
  readonly thinking: Thinking
}

/** The tuning fields of a request by the vendor's names. Those that the model does not take are left out. */
export function tuningFields(
  request: ChatRequest,
  { defaults, leaveOut }: Pick<ChatContext, 'defaults' | 'leaveOut'>,
  target: TuningTarget,
): Fields {
  const fields: Fields = {}
  const maxTokens = request.maxTokens ?? defaults.maxTokens
  if (maxTokens !== undefined) fields[target.tokenField] = maxTokens
  for (const [field, value] of tuningOf(request)) {
    if (value === undefined) continue
    const obstacle = obstacleTo(field, request, target)
    const name = target.taken[field]
    if (name !== undefined && obstacle === undefined) fields[name] = value
    else if (value !== neutral[field]) leaveOut(field, obstacle ?? 'the model does not take it')
  }
  addStops(fields, request.stop, target, leaveOut)
  addDefaultTemperature(fields, request, defaults.temperature, target)
  return fields
}

function addDefaultTemperature(
  fields: Fields,
  request: ChatRequest,
  temperature: number | undefined,
  target: TuningTarget,
): void {
  const { temperature: name } = target.taken
  if (request.temperature !== undefined || temperature === undefined || name === undefined) return
  if (obstacleTo('temperature', request, target) === undefined) fields[name] = temperature
}

function tuningOf(request: ChatRequest): readonly (readonly [Exclude<TuningField, 'stop'>, unknown])[] {
  const parallel = request.tools.length > 0 ? request.parallelToolCalls : undefined
  return [
    ['temperature', request.temperature],
    ['top_p', request.topP],
    ['top_k', request.topK],
    // Within +-(2^53 - 1), as the contract says.
    ['seed', request.seed === undefined ? undefined : Number(request.seed)],
    ['frequency_penalty', request.frequencyPenalty],
    ['presence_penalty', request.presencePenalty],
    ['parallel_tool_calls', parallel],
  ]
}

/** Values that change nothing: leaving them out needs no warning. */
const neutral: Readonly<Partial<Record<TuningField, unknown>>> = {
  temperature: 1,
  top_p: 1,
  frequency_penalty: 0,
  presence_penalty: 0,
  parallel_tool_calls: true,
}

const samplingFields: readonly TuningField[] = [
  'temperature',
  'top_p',
  'top_k',
  'frequency_penalty',
  'presence_penalty',
]

/** Why the model does not take a field; undefined where it does. */
function obstacleTo(
  field: TuningField,
  { temperature }: ChatRequest,
  { rules, thinking }: TuningTarget,
): string | undefined {
  if (rules.refused?.includes(field)) return 'the model does not take it'
  if (!samplingFields.includes(field)) return undefined
  switch (rules.sampling) {
    case 'none':
      return 'the model does not take it'
    case 'without_thinking':
      return thinking.isOn ? 'the model does not take it while it thinks' : undefined
    case 'one':
      return field === 'top_p' && temperature !== undefined ? 'the model takes it or temperature' : undefined
    default:
      return undefined
  }
}

function addStops(
  fields: Fields,
  stop: readonly string[],
  { taken, rules }: TuningTarget,
  leaveOut: ChatContext['leaveOut'],
): void {
  if (stop.length === 0) return
  const most = taken.stop === undefined ? 0 : (rules.maxStops ?? stop.length)
  if (most === 0) leaveOut('stop', 'the model does not take it')
  else if (stop.length > most) leaveOut(`stop[${most}]`, `the model takes the first ${most} only`)
  if (most > 0 && taken.stop !== undefined) fields[taken.stop] = stop.slice(0, most)
}

/** Throws UNSUPPORTED for tools that the model cannot have. */
export function checkTools({ tools }: ChatRequest, dialect: OpenAiDialect, { maxTools, toolNames }: OpenAiRules): void {
  if (tools.length === 0) return
  if (!dialect.tools) throw unsupported('tools', 'the target has no tools')
  if (maxTools !== undefined && tools.length > maxTools) {
    throw unsupported('tools', `the target takes ${maxTools} at most`)
  }
  const misnamed = toolNames ? tools.findIndex(({ name }) => !toolNames.test(name)) : -1
  if (misnamed >= 0) {
    throw unsupported(`tools[${misnamed}].name`, `the target's names match ${String(toolNames)}: rename the tool`)
  }
}
