import type { Charge } from '../../domain/ports/money/ledger.ts'
import type { CostGrouping, CostSummary } from '../../domain/ports/money/ledger-queries.ts'
import { dayFormat } from '../../domain/time-zone.ts'
import { CostGroup } from '../../domain/types.ts'
import { SummaryBuilder } from './summary-builder.ts'
import { addCharge, emptySums } from './sums.ts'

/** Sums records by their groups. */
export function summarize(charges: Iterable<Charge>, grouping: CostGrouping): CostSummary {
  const keysOf = keyReader(grouping)
  const summary = new SummaryBuilder(grouping.groups.length > 0)
  for (const charge of charges) {
    const sums = emptySums()
    addCharge(sums, charge)
    summary.add(keysOf(charge), sums)
  }
  return summary.build()
}

function keyReader({ groups, labelKey, timeZone }: CostGrouping): (charge: Charge) => string[] {
  const dayOf = dayFormat(timeZone)
  const readers = groups.map((group): ((charge: Charge) => string) => {
    switch (group) {
      case CostGroup.PROVIDER:
        return ({ facts }) => facts.provider
      case CostGroup.MODEL:
        return ({ facts }) => facts.model
      case CostGroup.ALIAS:
        return ({ facts }) => facts.alias
      case CostGroup.CALLER:
        return ({ facts }) => facts.caller
      case CostGroup.USER:
        return ({ facts }) => facts.userId
      case CostGroup.SESSION:
        return ({ facts }) => facts.sessionId
      case CostGroup.OPERATION:
        return ({ facts }) => facts.operation
      case CostGroup.DAY:
        return ({ facts }) => dayOf(facts.time)
      case CostGroup.HOUR:
        return ({ facts }) => `${new Date(facts.time).toISOString().slice(0, 13)}:00:00Z`
      case CostGroup.LABEL:
        return ({ facts }) => facts.labels[labelKey] ?? ''
      case CostGroup.UNSPECIFIED:
        return () => ''
      default:
        return group satisfies never
    }
  })
  return (charge) => readers.map((read) => read(charge))
}
