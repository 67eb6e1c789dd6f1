#!/usr/bin/env node
import { serve } from './app/serve.ts'
import { checkReport } from './config/check.ts'
import { type CommandLine, type Flags, readCommandLine } from './config/env/flags.ts'
import { readConfig } from './config/read.ts'
import { systemClock } from './domain/clock.ts'
import { probe } from './server/grpc/probe.ts'
import { createLog, type Log } from './telemetry/log/log.ts'

const USAGE = `usage: llm-gateway [serve]             start the gateway
       llm-gateway check               say what is wrong with the configuration, and what would run
       llm-gateway health [ADDRESS]    exit 0 if the gateway at ADDRESS (127.0.0.1:50051) takes calls
options: --config FILE, --grpc ADDRESS, --http ADDRESS, --metrics ADDRESS, --log-level LEVEL`

const DEFAULT_ADDRESS = '127.0.0.1:50051'

process.exitCode = await run(readCommandLine(process.argv.slice(2)))

async function run(commandLine: CommandLine): Promise<number> {
  if (!commandLine.words) return complain(commandLine.reason)
  const [command = 'serve', ...rest] = commandLine.words
  if (command === 'health' && rest.length < 2) return (await probe(rest[0] ?? DEFAULT_ADDRESS)) ? 0 : 1
  if (command === 'check' && rest.length === 0) return check(commandLine.flags)
  if (command === 'serve' && rest.length === 0) return start(commandLine.flags)
  return complain(`unknown command: ${[command, ...rest].join(' ')}`)
}

function complain(reason: string): number {
  console.error(`${reason}\n${USAGE}`)
  return 2
}

function load(flags: Flags) {
  return readConfig({ flags, env: process.env, workingDirectory: process.cwd() })
}

function check(flags: Flags): number {
  const { lines, exitCode } = checkReport(load(flags))
  for (const line of lines) console.log(line)
  return exitCode
}

/** Starts the gateway, or says why it cannot. Once it runs, signals end the process. */
async function start(flags: Flags): Promise<number> {
  const { config, problems, notices, unenforced } = load(flags)
  if (!config) {
    for (const { path, reason } of problems) console.error(`${path}: ${reason}`)
    return 1
  }
  const clock = systemClock
  const log = createLog({ clock, level: config.telemetry.logLevel })
  for (const text of unenforced) log.warn(text)
  for (const text of notices) log.info(text)
  try {
    const stop = await serve(config, { clock, log })
    endWith(stop, log)
    return 0
  } catch (error) {
    log.failure('the gateway could not start', error)
    log.flushSync()
    // What was opened before it failed would keep the process alive.
    return process.exit(1)
  }
}

/** The first SIGTERM ends what is in flight and exits with 0; a second one ends at once. */
function endWith(stop: () => Promise<void>, log: Log): void {
  let ending = false
  const end = (signal: string) => {
    if (ending) {
      log.flushSync()
      process.exit(1)
    }
    ending = true
    log.info('shutting down', { signal })
    void stop()
      .then(() => log.flush())
      .then(() => process.exit(0))
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  process.on('uncaughtException', (error) => {
    log.failure('the gateway met an error that nobody caught', error)
    log.flushSync()
    process.exit(1)
  })
}
