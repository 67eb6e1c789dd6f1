import assert from 'node:assert/strict'
import { variable } from './variable.ts'

/** Where the gateway is, and the key that it knows the clients by. */
export const gateway = {
  grpc: variable('GATEWAY_GRPC'),
  http: variable('GATEWAY_HTTP'),
  authorization: `Bearer ${variable('GATEWAY_KEY')}`,
}

/** Makes one check and tells its outcome in a line that the runner counts: `ok NAME`, or `not ok NAME: WHY`. */
export async function check(name: string, act: () => void | Promise<void>): Promise<void> {
  try {
    await act()
    console.log(`ok ${name}`)
  } catch (error) {
    console.log(`not ok ${name}: ${error instanceof Error ? error.message : error}`.replaceAll('\n', ' '))
    process.exitCode = 1
  }
}

/** What `promise` is rejected with. Fails when it is not. */
export function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => error,
  )
}

/** A JSON object, for reading what a command printed. */
export function parse(text: string): Json {
  return JSON.parse(text) as Json // every member is checked where it is used, by comparing it
}

export interface Json {
  readonly [member: string]: Json
}
