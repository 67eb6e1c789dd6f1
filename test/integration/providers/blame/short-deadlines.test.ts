import { afterAll, beforeAll, expect, test } from 'vitest'
import { chat, streamChat } from '../../../support/client.ts'
import { as, type BlameWorld, POISON, startBlameWorld } from './blame-world.ts'

/* A caller that gives the first target little time learns nothing about the target that would hold for others. */

const CALLS = 25

let world: BlameWorld
let whenAllAsked = () => {}

beforeAll(async () => {
  let asked = 0
  const neverAnswers = () => {
    if (++asked === CALLS) whenAllAsked()
  }
  const plan = { name: 'slow', kind: 'openai', reply: neverAnswers }
  world = await startBlameWorld([plan], { movableTime: true })
})

afterAll(() => world.close())

test('25 shares of a short deadline that run out open no breaker', async () => {
  const allAsked = new Promise<void>((resolve) => {
    whenAllAsked = resolve
  })
  const calls = Array.from({ length: CALLS }, (_, index) =>
    streamChat(
      world.client,
      { model: 'slow/m', fallbackModels: ['other/m'], messages: [{ role: 1, content: `${POISON} ${index}` }] },
      { ...as('a'), deadline: 20_000 },
    ),
  )
  await allAsked
  await world.gateway.pass(10_000)
  expect((await Promise.all(calls)).map(({ text }) => text)).toEqual(Array(CALLS).fill('other'))
  expect(world.hits('slow')).toHaveLength(CALLS)

  expect(await world.breakerOf('slow')).toBe('CLOSED')
  for (const caller of ['a', 'b'] as const) {
    const { value } = await chat(world.client, { model: 'slow-or-other' }, { ...as(caller), deadline: 600_000 })
    expect(value?.route?.provider).toBe('slow')
  }
})
