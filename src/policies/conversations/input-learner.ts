import type { GatewayError } from '../../domain/errors/error.ts'
import type { Watcher } from '../../domain/streams/event-stream.ts'
import { type AnyEvent, finishOf } from '../../domain/streams/events.ts'
import { chatTokens } from '../../domain/tokens/request-tokens.ts'
import type { ChatRequest } from '../../domain/types.ts'
import type { Estimated, Estimator } from '../estimating/estimator.ts'

/** Learns from a response how the model counts the tokens of what was sent. */
export class InputLearner implements Watcher<AnyEvent> {
  readonly #estimator: Estimator
  readonly #call: Estimated & { readonly request: ChatRequest }

  constructor(estimator: Estimator, call: Estimated & { readonly request: ChatRequest }) {
    this.#estimator = estimator
    this.#call = call
  }

  event(event: AnyEvent): void {
    const usage = finishOf(event)?.usage
    if (usage?.input === undefined || usage.estimated) return
    this.#estimator.learn(this.#call, chatTokens(this.#call.request), { input: usage.input })
  }

  end(_error?: GatewayError): void {}
}
