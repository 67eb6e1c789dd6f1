import type { ModelPuller } from '../../domain/ports/model-puller.ts'
import type { PullWire } from '../define.ts'
import type { Connection } from '../http/connection.ts'
import { BackgroundPull } from './background-pull.ts'
import { PullReport } from './pull-report.ts'
import { StreamedPull } from './streamed-pull.ts'

/** Downloads models through a provider's own API. */
export function createPuller(connection: Connection, wire: PullWire): ModelPuller {
  return {
    canonical: (model) => wire.canonical(model),
    pull(model, listener) {
      const report = new PullReport(listener)
      const pull = wire.statePath
        ? new BackgroundPull({ connection, wire, model, report })
        : new StreamedPull({ connection, wire, model, report })
      pull.start()
      return () => {
        report.close()
        pull.stop()
      }
    },
  }
}
