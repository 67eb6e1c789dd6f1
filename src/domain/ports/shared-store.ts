import type { ComponentState } from './operations/components.ts'

export type Argument = string | Buffer | number

/** A script that the store runs in one step. */
export interface Script {
  readonly lua: string
  /** SHA-1 of `lua` in hex, by which the store identifies it. */
  readonly sha: string
}

/**
 * Storage that the replicas of a gateway share. No call fails because of it: a command without a good reply within a
 * fraction of a second returns undefined, and while the store is known to be unavailable it does so at once. Never
 * rejects.
 */
export interface SharedStore {
  /** False from the first failure until the store is available again. */
  readonly available: boolean
  /** Texts in replies are bytes. A missing value is null. */
  send(command: string, args: readonly Argument[]): Promise<unknown>
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>
  state(): ComponentState
}
