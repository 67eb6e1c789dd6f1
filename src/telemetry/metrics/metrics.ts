import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics'
import type { Clock } from '../../domain/clock.ts'
import type { Instrument } from './instruments.ts'

/** Value of a counter or gauge. A plain object, because every call writes several. */
export interface Counter {
  value: number
}

/** Counts values in buckets. */
export class Histogram {
  readonly boundaries: readonly number[]
  /** Has one more element than `boundaries`. */
  readonly counts: number[]
  sum = 0
  count = 0

  constructor(boundaries: readonly number[]) {
    this.boundaries = boundaries
    this.counts = new Array(boundaries.length + 1).fill(0)
  }

  record(value: number): void {
    const { boundaries, counts } = this
    let at = 0
    while (at < boundaries.length && value > (boundaries[at] as number)) at++ // `at` is below the length
    counts[at] = (counts[at] as number) + 1 // has one more element than boundaries
    this.sum += value
    this.count++
  }
}

type Labels<Label extends string> = Readonly<Record<Label, string>>
type Kind<K extends Instrument['kind'], Label extends string> = Instrument<Label> & { readonly kind: K }

interface Series<Value> {
  readonly attributes: Attributes
  readonly value: Value
}

type Read = () => number

/**
 * All metrics since the process started. Calls count in plain objects, looked up once per set of labels, and the SDK reads
 * them when metrics are scraped. Recording through the SDK's own instruments would cost several microseconds per call.
 */
export class Metrics implements MetricProducer {
  readonly #clock: Clock
  readonly #startTime: HrTime
  readonly #numbers = new Map<Instrument, Map<string, Series<Counter | Read>>>()
  readonly #histograms = new Map<Instrument, Map<string, Series<Histogram>>>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startTime = hrTime(clock.wall())
  }

  /** The counter or gauge with these labels, the same object each time. */
  counter<Label extends string>(instrument: Kind<'counter' | 'gauge', Label>, labels: Labels<Label>): Counter {
    const series = seriesOf(this.#numbers, instrument, labels, (): Counter => ({ value: 0 }))
    if (typeof series === 'function')
      throw new TypeError(`${instrument.name} is observed and has no counter. Use observe().`)
    return series
  }

  /** Registers a counter or gauge that is read when metrics are scraped. */
  observe<Label extends string>(
    instrument: Kind<'counter' | 'gauge', Label>,
    labels: Labels<Label>,
    read: () => number,
  ): void {
    seriesOf(this.#numbers, instrument, labels, () => read)
  }

  /** The histogram with these labels, the same object each time. */
  histogram<Label extends string>(instrument: Kind<'histogram', Label>, labels: Labels<Label>): Histogram {
    return seriesOf(this.#histograms, instrument, labels, () => new Histogram(instrument.boundaries ?? []))
  }

  /** Implements the SDK's `MetricProducer`. */
  collect(): Promise<CollectionResult> {
    const times = { startTime: this.#startTime, endTime: hrTime(this.#clock.wall()) }
    const metrics: MetricData[] = []
    for (const [instrument, all] of this.#numbers) {
      const dataPoints = Array.from(all.values(), ({ attributes, value }) => {
        const count = typeof value === 'function' ? value() : value.value
        return { attributes, ...times, value: count / (instrument.divisor ?? 1) }
      })
      const isMonotonic = instrument.kind === 'counter'
      metrics.push({ ...shape(instrument), dataPointType: DataPointType.SUM, isMonotonic, dataPoints })
    }
    for (const [instrument, all] of this.#histograms) {
      const dataPoints = Array.from(all.values(), ({ attributes, value: { boundaries, counts, sum, count } }) => ({
        attributes,
        ...times,
        value: { buckets: { boundaries: [...boundaries], counts: [...counts] }, sum, count },
      }))
      metrics.push({ ...shape(instrument), dataPointType: DataPointType.HISTOGRAM, dataPoints })
    }
    const scopeMetrics = [{ scope: { name: 'llm-gateway' }, metrics }]
    return Promise.resolve({ resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] })
  }
}

function seriesOf<Value, Label extends string>(
  families: Map<Instrument, Map<string, Series<Value>>>,
  instrument: Instrument<Label>,
  labels: Labels<Label>,
  make: () => Value,
): Value {
  let family = families.get(instrument)
  if (!family) {
    family = new Map()
    families.set(instrument, family)
  }
  const attributes: Attributes = {}
  for (const label of instrument.labels) if (labels[label] !== '') attributes[label] = labels[label]
  const key = JSON.stringify(attributes)
  let series = family.get(key)
  if (!series) {
    series = { attributes, value: make() }
    family.set(key, series)
  }
  return series.value
}

function shape({ name, description, unit }: Instrument) {
  return {
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  }
}

function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)]
}
