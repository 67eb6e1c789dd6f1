import { hash } from 'node:crypto'
import { invalid } from '../../../domain/errors/error.ts'

/** A token for the page after `position` of a query. `query` is what must be the same for all pages. */
export function pageToken(query: unknown, position: string): string {
  return Buffer.from(`${digestOf(query)} ${position}`).toString('base64url')
}

/** The position in a token; empty for the first page. Throws INVALID_REQUEST for a token of another query. */
export function positionIn(token: string, query: unknown): string {
  if (token === '') return ''
  const text = Buffer.from(token, 'base64url').toString()
  const prefix = `${digestOf(query)} `
  if (text.startsWith(prefix)) return text.slice(prefix.length)
  throw invalid('page_token', 'must be the next_page_token of the page before, for the same request.')
}

function digestOf(query: unknown): string {
  return hash('sha256', JSON.stringify(query, inOrder)).slice(0, 12)
}

/** Clients send the entries of a map in any order. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
