/** What was checked, one line each as it happens: `ok`, `not ok` or `SKIPPED`. */
export class Report {
  readonly #section: string
  readonly totals = { passed: 0, failed: 0, skipped: 0 }

  constructor(section: string) {
    this.#section = section
  }

  /** Passes when `body` does not throw. */
  async check(name: string, body: () => unknown): Promise<void> {
    try {
      await body()
      this.totals.passed++
      this.say(`ok ${name}`)
    } catch (error) {
      this.#fail(name, error)
    }
  }

  /** Runs all checks of a section; what it throws besides is a failure of its own. */
  async section(checks: () => Promise<void>): Promise<void> {
    try {
      await checks()
    } catch (error) {
      this.#fail('the checks could be run', error)
    }
  }

  skip(name: string, why: string): void {
    this.totals.skipped++
    this.say(`SKIPPED ${name}: ${why}`)
  }

  #fail(name: string, error: unknown): void {
    this.totals.failed++
    this.say(`not ok ${name}: ${messageOf(error)}`)
  }

  say(line: string): void {
    console.log(`${this.#section}: ${line}`)
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
