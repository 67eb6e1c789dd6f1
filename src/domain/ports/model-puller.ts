import type { GatewayError } from '../errors/error.ts'
import type { EnsureModelProgress } from '../types.ts'

/** Receives the progress and the ending of a pull. */
export interface PullListener {
  progress(progress: EnsureModelProgress): void
  /** Called once, unless the pull is stopped first. Without an error the model is there. */
  end(error?: GatewayError): void
}

/** Downloads models to a provider's machines. */
export interface ModelPuller {
  /** The form in which two names of one model are equal. */
  canonical(model: string): string
  /** Returns a function that stops the pull, as far as the server can; the listener is then not called any more. */
  pull(model: string, listener: PullListener): () => void
}
