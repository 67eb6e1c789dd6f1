import { expect, test } from 'vitest'
import { Cancellation } from '../../src/domain/cancellation.ts'
import { GatewayError } from '../../src/domain/error.ts'

const left = new GatewayError('CANCELLED', 'The caller left.')
const late = new GatewayError('DEADLINE_EXCEEDED', 'Too late.')

test('every listener is told once, and the first reason stays', () => {
  const cancellation = new Cancellation()
  const told: string[] = []
  cancellation.onCancel(({ reason }) => void told.push(`first ${reason}`))
  cancellation.onCancel(({ reason }) => void told.push(`second ${reason}`))
  cancellation.cancel(left)
  cancellation.cancel(late)
  expect(told).toEqual(['first CANCELLED', 'second CANCELLED'])
  expect(cancellation.reason).toBe(left)
})

test('who stops listening is told nothing', () => {
  const cancellation = new Cancellation()
  const told: string[] = []
  const stop = cancellation.onCancel(() => void told.push('stopped'))
  cancellation.onCancel(() => void told.push('listening'))
  stop()
  stop()
  cancellation.cancel(left)
  expect(told).toEqual(['listening'])
  expect(cancellation.listening).toBe(0)
})

test('who listens too late is told at once', () => {
  const cancellation = new Cancellation()
  cancellation.cancel(left)
  const told: GatewayError[] = []
  cancellation.onCancel((reason) => void told.push(reason))
  expect(told).toEqual([left])
  expect(() => cancellation.throwIfCancelled()).toThrow(left)
})
