/** Something that waits for a place. */
export interface PlaceSeeker {
  /** Whose places it uses. */
  readonly holder: string
  /** A place of its holder is free. Returns whether it has taken it. */
  placeFree(): boolean
}

interface Places {
  taken: number
  readonly waiting: Set<PlaceSeeker>
}

/** Bounds how many things each caller has under way. Those of a caller that wait take turns. */
export class CallerPlaces {
  readonly #limit: number
  readonly #places = new Map<string, Places>()

  /** `limit`: places of each caller. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Takes a place. Returns false when all are taken; `placeFree` is then called when one is free. */
  take(seeker: PlaceSeeker): boolean {
    const places = this.#of(seeker.holder)
    if (places.taken >= this.#limit) {
      places.waiting.add(seeker)
      return false
    }
    places.taken++
    return true
  }

  /** Gives a place back. */
  release({ holder }: PlaceSeeker): void {
    const places = this.#of(holder)
    places.taken--
    for (const seeker of places.waiting) {
      places.waiting.delete(seeker)
      if (seeker.placeFree()) return
    }
    if (places.taken === 0) this.#places.delete(holder)
  }

  /** It waits no longer. */
  leave(seeker: PlaceSeeker): void {
    this.#places.get(seeker.holder)?.waiting.delete(seeker)
  }

  #of(holder: string): Places {
    const known = this.#places.get(holder)
    if (known) return known
    const places = { taken: 0, waiting: new Set<PlaceSeeker>() }
    this.#places.set(holder, places)
    return places
  }
}
