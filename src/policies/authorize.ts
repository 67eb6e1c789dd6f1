import type { Call } from '../domain/calls/call.ts'
import type { Authenticated, Planned, Target } from '../domain/calls/facts.ts'
import type { Policy } from '../domain/chain.ts'
import { GatewayError } from '../domain/errors/error.ts'
import type { ModelFilter } from '../domain/text/model-filter.ts'
import { checkAllowedFields } from './allowed-fields.ts'

/**
 * Keeps the targets that the caller may use: all targets of an alias that is allowed by its name, and targets that are
 * allowed themselves. A call that names a forbidden model, has no target left, or sets what its caller may not set, is
 * refused.
 */
export function authorize(): Policy<Call & Authenticated & Planned> {
  return (next) => (call) => {
    const allowed = permitted(call)
    return next(allowed.length === call.targets.length ? call : { ...call, targets: allowed })
  }
}

/** The targets that the caller may use. Throws MODEL_NOT_ALLOWED. */
export function permitted(call: Call & Authenticated & Planned): readonly Target[] {
  const { caller, targets, request } = call
  checkAllowedFields(caller, request)
  if (!caller.models) return targets
  const allowed = allowedOf(targets, caller.models)
  const [first] = targets
  const isNamed = request.model !== '' || request.provider !== ''
  const isRefused = isNamed && first !== undefined && first.alias === undefined && first !== allowed[0]
  if (isRefused || allowed.length === 0) throw refusal(call)
  return allowed
}

function allowedOf(targets: readonly Target[], models: ModelFilter): readonly Target[] {
  return targets.filter(
    ({ alias, provider, model }) =>
      (alias !== undefined && models.allowsAlias(alias)) || models.allowsModel(provider.name, model),
  )
}

/** Names what was asked for, not what it stands for: that may be the name of something that the caller may not see. */
function refusal(call: Call): GatewayError {
  const message = `${askedFor(call)}; ListModels lists the models it may use.`
  return new GatewayError('MODEL_NOT_ALLOWED', message)
}

function askedFor({ request: { model, provider }, wishes: { taskType } }: Call): string {
  if (model) return `model: this credential may not use ${quoted(model)}`
  if (provider) return `provider: this credential may not use the default model of ${quoted(provider)}`
  if (taskType) return `task_type: this credential may not use the models for ${quoted(taskType)}`
  return 'model: this credential may not use the models for calls that name none'
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name)
}
