import { type Message, Role } from '../../domain/types.ts'

/** Turn of messages that belong to none: those of the system and the developer. */
const NONE = -1

/**
 * The turns of a conversation. A turn begins with messages of the user and ends before the next ones; what stands before
 * the first of them is a turn, too. All turns from a tool call to its result are one turn.
 */
export class Turns {
  readonly #messages: readonly Message[]
  /** Turn of each message, from 0. */
  readonly #turnOf: readonly number[]
  /** The messages of each turn. */
  readonly #turns: Message[][] = []

  constructor(messages: readonly Message[]) {
    this.#messages = messages
    this.#turnOf = turnNumbers(messages)
    messages.forEach((message, index) => {
      const turn = this.#turnOf[index] ?? NONE
      if (turn === NONE) return
      this.#turns[turn] ??= []
      this.#turns[turn].push(message)
    })
  }

  /** Number of turns that may be dropped: all but the last one. */
  get droppable(): number {
    return Math.max(0, this.#turns.length - 1)
  }

  /** Messages of the turns from `from` up to, but not including, `to`. */
  between(from: number, to: number): Message[] {
    return this.#turns.slice(from, to).flat()
  }

  /** The messages that are left without the oldest turns, and how many of them stand before the first turn. */
  without(dropped: number): { readonly messages: Message[]; readonly before: number } {
    const isLeft = (turn: number | undefined) => turn === NONE || (turn !== undefined && turn >= dropped)
    const turnsLeft = this.#turnOf.filter(isLeft)
    const before = turnsLeft.findIndex((turn) => turn !== NONE)
    return {
      messages: this.#messages.filter((_, index) => isLeft(this.#turnOf[index])),
      before: before < 0 ? turnsLeft.length : before,
    }
  }
}

function turnNumbers(messages: readonly Message[]): readonly number[] {
  let turn = NONE
  let before: Role | undefined
  const numbers = messages.map(({ role }) => {
    if (role === Role.SYSTEM || role === Role.DEVELOPER) return NONE
    if (before === undefined || (role === Role.USER && before !== Role.USER)) turn++
    before = role
    return turn
  })
  const joined = joinedTurns(messages, numbers)
  return joined.size === 0 ? numbers : renumbered(numbers, joined)
}

/** Turns that belong to the one before them, because a tool call has its result in them or after them. */
function joinedTurns(messages: readonly Message[], turnOf: readonly number[]): ReadonlySet<number> {
  const calls = new Map<string, number>()
  const joined = new Set<number>()
  messages.forEach(({ toolCalls, toolCallId }, index) => {
    const turn = turnOf[index] ?? NONE
    for (const { id } of toolCalls) calls.set(id, turn)
    const called = toolCallId === '' ? undefined : calls.get(toolCallId)
    if (called === undefined) return
    for (let later = turn; later > called; later--) joined.add(later)
  })
  return joined
}

function renumbered(turnOf: readonly number[], joined: ReadonlySet<number>): readonly number[] {
  const numbers: number[] = []
  let number = NONE
  const last = Math.max(...turnOf)
  for (let turn = 0; turn <= last; turn++) {
    if (!joined.has(turn)) number++
    numbers.push(number)
  }
  return turnOf.map((turn) => numbers[turn] ?? NONE)
}
