import type { AnyRequest } from './call.ts'
import type { Target } from './facts.ts'

/** Tokens that a request and its response may have at a target; undefined where that is not known. */
export function contextWindow({ provider, model }: Pick<Target, 'provider' | 'model'>, request: AnyRequest) {
  return provider.windowFor?.(request) ?? provider.describe(model).contextWindow
}
