import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { runProcess } from '../support/process.ts'

const ROOT = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8')

it('the TypeScript example prints what the README says', async () => {
  const gateway = await startGateway({ yaml: read('docs/examples/simulator.yaml') })
  try {
    const args = ['--import', 'tsx', 'docs/examples/client.ts', gateway.grpc]
    const { stdout } = await runProcess(process.execPath, args, { cwd: fileURLToPath(ROOT) })
    expect(stdout).toContain('UPSTREAM_RATE_LIMITED')
    expect(read('README.md')).toContain(`Both print:\n\n${stdout.replace(/^(?=.)/gm, '    ')}\n`)
  } finally {
    await gateway.close()
  }
})
