/** What can be in Slots. */
export interface Slotted {
  /** Its place; theirs to set. */
  slot: number
}

/** A set of what comes and goes with each call. Not a Set: one that lives long keeps alive what was once in it. */
export class Slots<T extends Slotted> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    member.slot = this.#members.length
    this.#members.push(member)
  }

  /** The last one moves into the place that becomes free. Nothing happens if it is not in it. */
  remove(member: T): void {
    if (this.#members[member.slot] !== member) return
    const last = this.#members.pop()
    if (!last || last === member) return
    last.slot = member.slot
    this.#members[member.slot] = last
  }

  /** Those that are in it now and are meant. */
  filter(isMeant: (member: T) => boolean): T[] {
    return this.#members.filter(isMeant)
  }
}
