import type { AnyEvent } from './events.ts'
import type { Handler } from './follow.ts'

/**
 * One rule of the road: wraps what comes after it. `Needs` are the facts that must be known on the call before it,
 * `Adds` those it makes known to what follows, `Events` the kinds of call that it serves.
 *
 * The variance marks are what makes a wrong order fail to compile: without them the compiler ignores the constraint of
 * a generic signature.
 */
export type Policy<in Needs, out Adds = unknown, in Events extends AnyEvent = AnyEvent> = <
  C extends Needs,
  E extends Events,
>(
  next: Handler<C & Adds, E>,
) => Handler<C, E>

/** A policy that makes events of its own. A chain of chats has exactly the events of chats, which types cannot say. */
export function making<Needs, E extends AnyEvent, Adds = unknown>(
  wrap: <C extends Needs>(next: Handler<C & Adds, E>) => Handler<C, E>,
): Policy<Needs, Adds, E> {
  return wrap as Policy<Needs, Adds, E>
}

/** Joins policies in the order in which a call travels. */
export class Chain<In, E extends AnyEvent, C = In> {
  readonly #wrap: (last: Handler<C, E>) => Handler<In, E>

  private constructor(wrap: (last: Handler<C, E>) => Handler<In, E>) {
    this.#wrap = wrap
  }

  static of<In, E extends AnyEvent>(): Chain<In, E> {
    return new Chain<In, E>((last) => last)
  }

  use<Adds>(policy: Policy<C, Adds, E>): Chain<In, E, C & Adds> {
    return new Chain<In, E, C & Adds>((last) => this.#wrap(policy(last)))
  }

  to(last: Handler<C, E>): Handler<In, E> {
    return this.#wrap(last)
  }
}
