import { execFileSync, spawnSync } from 'node:child_process'

/** Before all tests: many of them start a real redis-server. Installs Debian's where there is none, or says what to do. */
export function setup(): void {
  if (hasRedis()) return
  console.log('redis-server is missing: installing the package of the system ...')
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const environment = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1']
  const run = (...command: string[]) => {
    const [program = '', ...args] = [...asRoot, ...environment, ...command]
    execFileSync(program, args, { stdio: 'inherit' })
  }
  try {
    run('apt-get', 'update')
    run('apt-get', 'install', '--yes', '--no-install-recommends', 'redis-server')
  } catch (error) {
    throw new Error('The tests need redis-server, and it could not be installed: install Redis 6 or newer.', {
      cause: error,
    })
  }
  if (!hasRedis()) throw new Error('The tests need redis-server on the PATH: install Redis 6 or newer.')
}

function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0
}
