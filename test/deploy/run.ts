/**
 * Checks the Dockerfile and what is in deploy/, without a container engine and without a cluster.
 * `npm run deploy:check -- [SECTION...]`: only these sections, or all. What cannot be checked because a tool cannot be had
 * is skipped.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkCompose } from './check-compose.ts'
import { checkImage } from './check-image.ts'
import { checkKubernetes } from './check-kubernetes.ts'
import { checkPrometheus } from './check-prometheus.ts'
import { Report } from './report.ts'

/** Each gets the repository, and a folder of its own that is empty. */
const sections = {
  image: checkImage,
  kubernetes: checkKubernetes,
  compose: checkCompose,
  prometheus: checkPrometheus,
} satisfies Record<string, (report: Report, where: { root: string; folder: string }) => Promise<void>>

const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !(name in sections))
if (unknown.length > 0) {
  console.error(`no such section: ${unknown.join(', ')}; there are ${Object.keys(sections).join(', ')}`)
  process.exitCode = 2
} else {
  process.exitCode = await run()
}

async function run(): Promise<number> {
  const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-deploy-'))
  const totals = { passed: 0, failed: 0, skipped: 0 }
  try {
    for (const [name, check] of Object.entries(sections)) {
      if (chosen.length > 0 && !chosen.includes(name)) continue
      const own = join(folder, name)
      mkdirSync(own)
      const report = new Report(name)
      await report.section(() => check(report, { root, folder: own }))
      totals.passed += report.totals.passed
      totals.failed += report.totals.failed
      totals.skipped += report.totals.skipped
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  return totals.failed > 0 ? 1 : 0
}
