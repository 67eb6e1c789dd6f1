import type { AnyEvent } from './streams/events.ts'
import type { Handler } from './streams/follow.ts'

/**
 * One rule of the request pipeline: wraps the handler that follows it. `Needs` are the facts that earlier policies must
 * have added to the call, `Adds` those that it adds for later ones, `Events` the events of the operations that it
 * serves.
 *
 * The variance marks make a wrong order fail to compile: without them the compiler ignores the constraint of a generic
 * signature.
 */
export type Policy<in Needs, out Adds = unknown, in Events extends AnyEvent = AnyEvent> = <
  C extends Needs,
  E extends Events,
>(
  next: Handler<C & Adds, E>,
) => Handler<C, E>

/**
 * A policy that makes events of its own, for chains whose events are exactly `E`, which the type system cannot express.
 */
export function making<Needs, E extends AnyEvent, Adds = unknown>(
  wrap: <C extends Needs>(next: Handler<C & Adds, E>) => Handler<C, E>,
): Policy<Needs, Adds, E> {
  return wrap as Policy<Needs, Adds, E>
}

/** A policy that does nothing, for operations to which another one does not apply. */
export const unchanged: Policy<unknown> = (next) => next

/** Joins policies in the order in which a call passes through them. */
export class Chain<In, E extends AnyEvent, C = In> {
  readonly #wrap: (last: Handler<C, E>) => Handler<In, E>
  readonly #between: Policy<unknown> | undefined

  private constructor(wrap: (last: Handler<C, E>) => Handler<In, E>, between: Policy<unknown> | undefined) {
    this.#wrap = wrap
    this.#between = between
  }

  /** `between` is inserted after every policy of the chain; tests use it to watch each step. */
  static of<In, E extends AnyEvent>(between?: Policy<unknown>): Chain<In, E> {
    return new Chain<In, E>((last) => last, between)
  }

  use<Adds>(policy: Policy<C, Adds, E>): Chain<In, E, C & Adds> {
    const between = this.#between
    return new Chain<In, E, C & Adds>((last) => this.#wrap(policy(between ? between(last) : last)), between)
  }

  to(last: Handler<C, E>): Handler<In, E> {
    return this.#wrap(last)
  }
}
