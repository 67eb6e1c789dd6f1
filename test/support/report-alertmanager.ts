import { alertmanagerProgram } from './alertmanager.ts'

/** Reports before all tests that those with Alertmanager are skipped, and how to run them. */
export function setup(): void {
  if (alertmanagerProgram() !== undefined) return
  console.warn(
    'SKIPPED: the tests with Alertmanager, because neither prometheus-alertmanager nor alertmanager is on the PATH. Install it (apt-get install prometheus-alertmanager).',
  )
}
