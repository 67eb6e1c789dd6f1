import { expect, test } from 'vitest'
import { Cancellation } from '../../src/domain/cancellation.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'

const left = new GatewayError('CANCELLED', 'The client disconnected.')
const late = new GatewayError('DEADLINE_EXCEEDED', 'Too late.')

/** Members that write down what they are told. */
function setUp() {
  const reported: string[] = []
  const member = (name: string) => ({ cancel: ({ reason }: GatewayError) => void reported.push(`${name} ${reason}`) })
  return { cancellation: new Cancellation(), reported, member }
}

test('every member is told once, and the first reason stays', () => {
  const { cancellation, reported, member } = setUp()
  cancellation.add(member('first'))
  cancellation.add(member('second'))
  cancellation.cancel(left)
  cancellation.cancel(late)
  expect(reported).toEqual(['first CANCELLED', 'second CANCELLED'])
  expect(cancellation.reason).toBe(left)
})

test.each([0, 1, 2])('who is removed is told nothing, the others are: %s', (at) => {
  const { cancellation, reported, member } = setUp()
  const members = ['first', 'second', 'third'].map(member)
  for (const one of members) cancellation.add(one)
  const removed = members[at] ?? member('')
  cancellation.remove(removed)
  cancellation.remove(removed)
  expect(cancellation.size).toBe(2)
  cancellation.cancel(left)
  expect(reported).toEqual(['first CANCELLED', 'second CANCELLED', 'third CANCELLED'].toSpliced(at, 1))
  expect(cancellation.size).toBe(0)
})

test('who comes too late is told at once', () => {
  const { cancellation, reported, member } = setUp()
  cancellation.cancel(left)
  cancellation.add(member('late'))
  expect(reported).toEqual(['late CANCELLED'])
  expect(cancellation.size).toBe(0)
  expect(() => cancellation.throwIfCancelled()).toThrow(left)
})
