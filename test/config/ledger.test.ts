import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkReport } from '../../src/config/check.ts'
import { loadConfig } from '../../src/config/load.ts'
import { readConfig } from '../../src/config/read.ts'
import { configOf, problemsOf } from './kinds.ts'

const DAY = 86_400_000
const ledgerIn = (file: string, env: Record<string, string> = {}) =>
  loadConfig({ file, env, directory: '/etc/gateway' }).config?.ledger

describe('the ledger', () => {
  it.each([
    ['', {}, undefined],
    ['', { COST_TRACKING_ENABLED: 'false' }, undefined],
    ['', { COST_TRACKING_ENABLED: 'true' }, '/etc/gateway/data/ledger.sqlite'],
    ['', { COST_BUDGET_DAILY: '5' }, '/etc/gateway/data/ledger.sqlite'],
    ['', { COST_BUDGET_MONTHLY: '5', COST_TRACKING_ENABLED: 'false' }, '/etc/gateway/data/ledger.sqlite'],
    ['', { COST_TRACKING_ENABLED: 'true', LLM_GATEWAY_LEDGER_FOLDER: '/var/lib/x' }, '/var/lib/x/ledger.sqlite'],
    ['', { LLM_GATEWAY_LEDGER_URL: 'sqlite:/a/b.db' }, '/a/b.db'],
    ['ledger: {}', {}, '/etc/gateway/data/ledger.sqlite'],
    ['ledger: { folder: state }', { LLM_GATEWAY_LEDGER_FOLDER: '/x' }, '/etc/gateway/state/ledger.sqlite'],
    ['ledger: { url: "sqlite:data/ledger.db" }', {}, '/etc/gateway/data/ledger.db'],
    ['ledger: { url: "sqlite:///srv/ledger.db" }', {}, '/srv/ledger.db'],
  ])('%s with %j is the file %s', (file, env, path) => {
    expect(ledgerIn(file, env)?.store).toEqual(path === undefined ? undefined : { kind: 'sqlite', path })
  })

  it.each([
    ['ledger: {}', '/etc/gateway/data/journal'],
    ['ledger: { folder: /var/lib/x }', '/var/lib/x/journal'],
    ['ledger: { url: "sqlite:/srv/money/ledger.db" }', '/srv/money/journal'],
    ['ledger: { url: "sqlite:/srv/money/ledger.db", folder: /var/lib/x }', '/var/lib/x/journal'],
    ['ledger: { url: "sqlite:/srv/money/ledger.db", journal: wal }', '/etc/gateway/wal'],
    ['ledger: { url: "postgres://ledger@db/llm" }', '/etc/gateway/data/journal'],
  ])('%s has its journal in %s', (file, journal) => {
    expect(ledgerIn(file)?.journal).toBe(journal)
  })

  it('has defaults', () => {
    expect(ledgerIn('ledger: {}')).toMatchObject({
      timeZone: 'UTC',
      hits: 'rollup',
      keep: 90 * DAY,
      durability: 'process',
      writeTimeout: 2_000,
      onTrouble: 'allow',
      journalMax: 2 ** 30,
      unknown: 'charge',
    })
  })

  it('takes what is written', () => {
    const file = `ledger: { time_zone: Europe/Madrid, hits: rows, keep: 30d, durability: power, write_timeout: 500ms,
      on_trouble: allow, journal_max: 64MiB, unknown: release }`
    expect(ledgerIn(file, { COST_BUDGET_DAILY: '1' })).toMatchObject({
      timeZone: 'Europe/Madrid',
      hits: 'rows',
      keep: 30 * DAY,
      durability: 'power',
      writeTimeout: 500,
      onTrouble: 'allow',
      journalMax: 64 * 2 ** 20,
      unknown: 'release',
    })
  })

  it('refuses calls that it cannot record where a budget refuses calls', () => {
    expect(ledgerIn('', { COST_BUDGET_DAILY: '1' })?.onTrouble).toBe('refuse')
  })

  it('says that records in memory end with the process', () => {
    const { notices } = loadConfig({ file: 'ledger: { url: memory }', env: {} })
    expect(notices).toContain('The ledger is in memory: its records end with the process.')
  })

  it.each([
    ['ledger: { url: mysql://x/y }', 'ledger.url: must be memory, sqlite:PATH, or postgres://'],
    ['ledger: { url: "sqlite::memory:" }', 'ledger.url: must be memory'],
    ['ledger: { url: "sqlite:" }', 'ledger.url: must be memory'],
    ['ledger: { url: "sqlite:data/" }', 'ledger.url: must be memory'],
    ['ledger: { time_zone: Mars/Olympus }', 'ledger.time_zone: must be an IANA time zone'],
    ['ledger: { keep: 0d }', 'ledger.keep: must be a duration'],
    ['ledger: { keep: 4000d }', 'ledger.keep: must be a duration'],
    ['ledger: { on_trouble: panic }', 'ledger.on_trouble: must be one of refuse, allow'],
    ['ledger: { journal_maximum: 1GiB }', 'ledger.journal_maximum: is not a known key'],
    ['ledger: { url: "postgres://u:pass@db/llm" }', 'ledger.url: a secret must not be written here'],
    ['ledger: { url: "postgres://db/llm?user=u&password=pass" }', 'ledger.url: a secret must not be written here'],
  ])('%s is refused', (file, problem) => {
    const [found = ''] = problemsOf({ file })
    expect(found).toContain(problem)
    expect(found).not.toContain('pass@')
  })

  it('never prints the password of a database', () => {
    const env = { LEDGER: 'postgres://ledger:hush-hush@db.test:5433/llm?sslmode=require' }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the file
    const loaded = loadConfig({ file: 'ledger: { url: "${LEDGER}", folder: /data }', env })
    expect(loaded.config?.ledger?.store).toEqual({ kind: 'postgres', url: env.LEDGER })
    const { lines } = checkReport(loaded)
    expect(lines).toContain('ledger: Postgres at db.test:5433/llm, journal in /data/journal')
    expect(lines.join('\n')).not.toContain('hush')
    const invalid = loadConfig({ env: { LLM_GATEWAY_LEDGER_URL: 'postgre://ledger:hush-hush@db/llm' } })
    expect(JSON.stringify(invalid)).not.toContain('hush')
  })
})

describe('a folder that cannot be written', () => {
  it.each([
    ['ledger: {}', 'ledger.folder'],
    ['ledger: { url: "sqlite:/ro/ledger.db" }', 'ledger.folder'],
    ['ledger: { url: "postgres://db/llm" }', 'ledger.folder'],
    ['ledger: { journal: /ro/journal }', 'ledger.journal'],
  ])('%s stops the start', (file, path) => {
    const { problems } = loadConfig({ file, env: {}, checkFolder: () => 'EROFS' })
    expect(problems[0]?.path).toBe(path)
    expect(problems[0]?.reason).toMatch(/\(EROFS\): mount a volume .* LLM_GATEWAY_LEDGER_FOLDER, .* url: memory/)
  })

  it('matters not where the ledger is in memory', () => {
    const { problems } = loadConfig({ file: 'ledger: { url: memory }', env: {}, checkFolder: () => 'EROFS' })
    expect(problems).toEqual([])
  })

  it('is found before it is made', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
    writeFileSync(join(folder, 'file'), '')
    const read = (ledgerFolder: string) =>
      readConfig({
        flags: {},
        env: { COST_TRACKING_ENABLED: 'true', LLM_GATEWAY_LEDGER_FOLDER: ledgerFolder },
        workingDirectory: folder,
      }).problems
    expect(read(join(folder, 'made', 'later'))).toEqual([])
    expect(read(join(folder, 'file'))).toMatchObject([{ path: 'ledger.folder' }, { path: 'ledger.url' }])
    rmSync(folder, { recursive: true })
  })
})

describe('the currency', () => {
  it.each([
    ['', {}, undefined],
    ['', { COST_CURRENCY: 'usd' }, undefined],
    ['cost: { usd_rate: 0.92 }', { COST_CURRENCY: 'EUR' }, { code: 'EUR', usdRate: 0.92 }],
    ['cost: { currency: jpy, usd_rate: 155 }', {}, { code: 'JPY', usdRate: 155 }],
    ['', { COST_CURRENCY: 'EUR', LLM_GATEWAY_COST_USD_RATE: '0.92' }, { code: 'EUR', usdRate: 0.92 }],
  ])('of %s with %j is %j', (file, env: Record<string, string>, currency) => {
    expect(configOf({ file, env }).currency).toEqual(currency)
  })

  it.each([
    ['', { COST_CURRENCY: 'EUR' }, 'COST_CURRENCY: EUR needs a rate: set cost.usd_rate'],
    ['cost: { currency: EUR }', {}, 'cost.currency: EUR needs a rate'],
    ['', { COST_CURRENCY: 'EURO' }, 'COST_CURRENCY: must be the ISO 4217 code'],
    ['cost: { usd_rate: 0 }', { COST_CURRENCY: 'EUR' }, 'cost.usd_rate: must be a number above 0'],
  ])('of %s with %j stops the start', (file, env: Record<string, string>, problem) => {
    expect(problemsOf({ file, env })[0]).toContain(problem)
  })
})
