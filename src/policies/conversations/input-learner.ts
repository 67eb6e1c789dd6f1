import type { GatewayError } from '../../domain/errors/error.ts'
import type { Watcher } from '../../domain/streams/event-stream.ts'
import { type AnyEvent, finishOf } from '../../domain/streams/events.ts'
import { chatTokens } from '../../domain/tokens/request-tokens.ts'
import type { ChatRequest } from '../../domain/types.ts'
import type { Estimated, Estimator } from '../estimating/estimator.ts'

/** Learns how a model counts the tokens of what was sent: from its response, or from what it says is too long. */
export class InputLearner implements Watcher<AnyEvent> {
  readonly #estimator: Estimator
  readonly #call: Estimated & { readonly request: ChatRequest }

  constructor(estimator: Estimator, call: Estimated & { readonly request: ChatRequest }) {
    this.#estimator = estimator
    this.#call = call
  }

  event(event: AnyEvent): void {
    const usage = finishOf(event)?.usage
    if (usage && !usage.estimated) this.#learn(usage.input)
  }

  end(error?: GatewayError): void {
    this.#learn(error?.facts.sizes?.input)
  }

  #learn(input: number | undefined): void {
    if (input !== undefined) this.#estimator.learn(this.#call, chatTokens(this.#call.request), { input })
  }
}
