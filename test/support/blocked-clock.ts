import { FakeClock } from './fake-clock.ts'

/** The clock of a process whose event loop was blocked: time has passed, and no timer has fired. */
export class BlockedClock extends FakeClock {
  /** In ms, all blocks together. */
  blockedFor = 0

  override now(): number {
    return super.now() + this.blockedFor
  }
}
