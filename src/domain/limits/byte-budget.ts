/** Bytes that somebody makes the gateway keep in memory: of a request that is not complete, or of a reply on its way. */
export interface HeldBytes {
  /** Index in the budget; set by the budget alone. Initially -1. */
  place: number
  /** Who is answerable: an API key, a subject, or the address of a client without a credential. */
  readonly holder: string
  /** Part of that holder, such as one of its users or addresses. */
  readonly part: string
  readonly held: number
  /** Ends whatever needs the bytes, and releases them before it returns. */
  giveWay(): void
}

/** Above this number of members, room is made for many changes at once, because each time all of them are looked at. */
const MANY = 256
const ROOM = 1 / 16

/**
 * Limits the bytes that are kept for all callers together. Above the limit, the holder of most loses its largest member,
 * so that nobody loses anything because of what others send or ask for.
 */
export class ByteBudget {
  readonly limit: number
  /** An array, in which a member leaves its place to the last one: it costs every call only a few nanoseconds. */
  readonly #members: HeldBytes[] = []
  #held = 0

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.limit = limit
  }

  get held(): number {
    return this.#held
  }

  /** Number of members that hold anything. */
  get size(): number {
    return this.#members.length
  }

  filter<M extends HeldBytes>(isMeant: (member: HeldBytes) => member is M): M[] {
    return this.#members.filter(isMeant)
  }

  /** To be called after a change: the member holds `member.held` bytes, and held `before`. */
  change(member: HeldBytes, before: number): void {
    const { held } = member
    this.#held += held - before
    if (before === 0 && held > 0) {
      member.place = this.#members.length
      this.#members.push(member)
    } else if (held === 0 && before > 0) this.#remove(member)
    if (this.#held > this.limit) this.#makeRoom()
  }

  #remove(member: HeldBytes): void {
    const last = this.#members.pop()
    if (!last || last === member) return
    last.place = member.place
    this.#members[member.place] = last
  }

  #makeRoom(): void {
    const goal = this.#members.length > MANY ? this.limit * (1 - ROOM) : this.limit
    const holders = new Group()
    for (const member of this.#members) holders.group(member.holder).group(member.part).add(member)
    let first: Group | undefined
    while (this.#held > goal) {
      const holder = holders.largest()
      first ??= holder
      // Beyond what is needed, only the holder of most gives way.
      if (!holder || (this.#held <= this.limit && holder !== first)) return
      holder.takeLargest()?.giveWay()
    }
  }
}

/** Members with the same holder, and of those with the same part. */
class Group {
  held = 0
  readonly #groups = new Map<string, Group>()
  readonly #members: HeldBytes[] = []
  readonly #parent: Group | undefined
  #isSorted = false

  constructor(parent?: Group) {
    this.#parent = parent
  }

  group(name: string): Group {
    let group = this.#groups.get(name)
    if (!group) {
      group = new Group(this)
      this.#groups.set(name, group)
    }
    return group
  }

  add(member: HeldBytes): void {
    this.#members.push(member)
    this.#count(member.held)
  }

  largest(): Group | undefined {
    let largest: Group | undefined
    for (const group of this.#groups.values()) if (group.held > (largest?.held ?? 0)) largest = group
    return largest
  }

  /** The largest member of the largest part; of equal ones the latest. */
  takeLargest(): HeldBytes | undefined {
    const part = this.largest()
    if (part) return part.takeLargest()
    if (!this.#isSorted) this.#members.sort((a, b) => a.held - b.held)
    this.#isSorted = true
    const member = this.#members.pop()
    if (member) this.#count(-member.held)
    return member
  }

  #count(bytes: number): void {
    this.held += bytes
    if (this.#parent) this.#parent.#count(bytes)
  }
}
