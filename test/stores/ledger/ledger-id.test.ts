import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { ledgerId } from '../../../src/stores/ledger/ledger-id.ts'

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-ledger-id-'))

afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('is kept beside the journals of a SQLite database', () => {
  const store = { kind: 'sqlite', path: join(folder, 'ledger.sqlite') } as const
  const first = ledgerId({ store, journal: join(folder, 'journal') })
  expect(first).toMatch(/^[\w-]{36}$/)
  expect(ledgerId({ store, journal: join(folder, 'journal') })).toBe(first)
  expect(ledgerId({ store, journal: join(folder, 'other') })).not.toBe(first)
  expect(readdirSync(join(folder, 'journal'))).toEqual(['ledger-id'])
})

it('is the same for all gateways on one Postgres', () => {
  const idAt = (url: string) => ledgerId({ store: { kind: 'postgres', url }, journal: folder })
  expect(idAt('postgres://a/ledger')).toBe(idAt('postgres://b/ledger'))
})
