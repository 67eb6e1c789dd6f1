import assert from 'node:assert/strict'

/** What the runner says to its clients by this name. */
export function variable(name: string): string {
  const value = process.env[name]
  assert.ok(value, `${name} is not set: run the clients with npm run interop`)
  return value
}
