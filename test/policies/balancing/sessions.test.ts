import { expect, test } from 'vitest'
import { Sessions } from '../../../src/policies/balancing/sessions.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const place = (keyId: string) => ({ provider: 'p', model: 'm', keyId })
const named = (sessionId: string, holder = 'ada', alias = 'fast') => ({ holder, alias, sessionId })

test('a conversation is one caller’s, at one alias, and its last place counts', () => {
  const sessions = new Sessions(new FakeClock())
  sessions.remember(named('s'), place('a'))
  sessions.remember(named('s'), place('b'))
  expect(sessions.placeOf(named('s'))).toEqual(place('b'))
  expect(sessions.placeOf(named('s', 'bob'))).toBeUndefined()
  expect(sessions.placeOf(named('s', 'ada', 'slow'))).toBeUndefined()
  expect(sessions.placeOf(named('/s', 'ada', 'fast'))).toBeUndefined()
  expect(sessions.size).toBe(1)
})

test('a conversation is forgotten an hour after its last call, and its memory is given back', async () => {
  const clock = new FakeClock()
  const sessions = new Sessions(clock)
  for (let index = 0; index < 50; index++) sessions.remember(named(`old ${index}`), place('a'))
  await clock.advance(3_600_000)
  expect(sessions.placeOf(named('old 1'))).toBeUndefined()
  for (let index = 0; index < 60; index++) sessions.remember(named('new'), place('a'))
  expect(sessions.size).toBe(1)
})

test('when there are too many, the caller with the most loses its oldest', () => {
  const sessions = new Sessions(new FakeClock(), 10)
  sessions.remember(named('mine', 'ada'), place('a'))
  for (let index = 0; index < 1_000; index++) sessions.remember(named(`${index}`, 'greedy'), place('b'))
  expect(sessions.size).toBe(10)
  expect(sessions.placeOf(named('mine', 'ada'))).toEqual(place('a'))
  expect(sessions.placeOf(named('0', 'greedy'))).toBeUndefined()
  expect(sessions.placeOf(named('999', 'greedy'))).toEqual(place('b'))
})
