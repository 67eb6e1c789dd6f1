import { systemClock } from '../../src/domain/clock.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { openJournal } from '../../src/stores/ledger/journal/open-journal.ts'
import { defaultLedgerSettings, type LedgerSettings } from '../../src/stores/ledger/settings.ts'
import { someCharge } from './charges.ts'

/*
 * A process that records calls in a journal, one after the other, and prints a line of JSON for each whose record was
 * written, each that was refused, and each change of the journal's health.
 */

const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const [folder = '', onTrouble] = process.argv.slice(2)
const settings: LedgerSettings = {
  ...defaultLedgerSettings,
  store: { kind: 'memory' },
  journal: folder,
  onTrouble: onTrouble === 'allow' ? 'allow' : 'refuse',
}
const { journal } = openJournal({
  settings,
  clock: systemClock,
  report: ({ healthy, message }) => print({ healthy, message }),
})

for (let number = 0; ; number++) {
  const charge = someCharge({ callId: String(number), userId: 'x'.repeat(500) })
  try {
    await journal.begin(charge)
    charge.ending = { code: 0, reason: '', latency: 1 }
    await journal.settle(charge)
    print({ ended: number, lost: journal.lost })
  } catch (error) {
    print({ refused: GatewayError.from(error).reason })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
