import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { mustExecute } from '../interop/execute.ts'
import { cacheFolder, isThere } from '../interop/tools.ts'

/*
 * What deploy/ is checked with. Each function rejects with the reason when a tool cannot be had. Tools are kept between
 * runs in a folder outside the repository, but for those of Debian's packages.
 */

/** Helm has much to compile, in ms. */
const LONG = 600_000

/** Where helm is. */
export function helm(): Promise<string> {
  return fromGo('helm', 'helm.sh/helm/v3/cmd/helm@v3.19.0', ['version'])
}

/** Where the Compose specification's own reader is: it checks a file as `docker compose config` does. */
export function composeReader(): Promise<string> {
  return fromGo('cmd', 'github.com/compose-spec/compose-go/v2/cmd@v2.16.2', undefined)
}

/** Makes sure of Prometheus and promtool. */
export async function prometheus(): Promise<void> {
  if (!(await isThere('promtool', '--version'))) {
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    const args = ['install', '--yes', '--no-install-recommends', 'prometheus']
    await mustExecute({ command: 'apt-get', args: ['update'], env, timeout: LONG })
    await mustExecute({ command: 'apt-get', args, env, timeout: LONG })
  }
  await mustExecute({ command: 'prometheus', args: ['--version'], timeout: LONG })
}

/** `probe`: arguments by which one that is installed shows itself. */
async function fromGo(name: string, module: string, probe: readonly string[] | undefined): Promise<string> {
  if (probe && (await isThere(name, ...probe))) return name
  const folder = cacheFolder(`bin-${module.replace(/[^\w.]+/g, '-')}`)
  const path = join(folder, name)
  if (!existsSync(path)) {
    await mustExecute({ command: 'go', args: ['install', module], env: { GOBIN: folder }, timeout: LONG })
  }
  return path
}
