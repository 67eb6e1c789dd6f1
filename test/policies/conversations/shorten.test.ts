import { describe, expect, it } from 'vitest'
import type { Message } from '../../../src/domain/types.ts'
import { shorten } from '../../../src/policies/conversations/shorten.ts'
import { Turns } from '../../../src/policies/conversations/turns.ts'
import { assistant, marked, system, user } from '../../support/conversations.ts'

/** Each message with the time for which it ends a cached prefix, in seconds; 0 where it does not. */
function marks(messages: readonly Message[]): [string, number][] {
  return messages.map(({ content, parts }) => [
    content || parts.map((part) => (part.content.case === 'text' ? part.content.value : '')).join(''),
    Number(parts.at(-1)?.cacheTtl?.seconds ?? 0),
  ])
}

const turns = (...messages: readonly Message[]) => new Turns(messages)

describe('the marks of cached prefixes', () => {
  it('stay where nothing is dropped before them', () => {
    const conversation = turns(marked(system('s'), 3600n), user('u1'), assistant('a1'), marked(user('u2')))
    expect(marks(shorten(conversation, 1))).toEqual([
      ['s', 3600],
      ['u2', 300],
    ])
  })

  it('of dropped turns move to the end of what is left before them', () => {
    const conversation = turns(system('s1'), system('s2'), marked(user('u1'), 3600n), assistant('a1'), user('u2'))
    expect(marks(shorten(conversation, 1))).toEqual([
      ['s1', 0],
      ['s2', 3600],
      ['u2', 0],
    ])
  })

  it('become one, for the longest time', () => {
    const conversation = turns(
      marked(system('s'), 600n),
      marked(user('u1'), 300n),
      marked(assistant('a1'), 900n),
      user('u2'),
    )
    expect(marks(shorten(conversation, 1))).toEqual([
      ['s', 900],
      ['u2', 0],
    ])
  })

  it('move to the first message that is left where there is no system text, and to what stands for the turns', () => {
    const conversation = turns(marked(user('u1')), assistant('a1'), user('u2'), assistant('a2'), user('u3'))
    expect(marks(shorten(conversation, 1))[0]).toEqual(['u2', 300])
    expect(marks(shorten(conversation, 1, user('summary'))).slice(0, 2)).toEqual([
      ['summary', 300],
      ['u2', 0],
    ])
  })
})

it('the conversation that is shortened stays as it was', () => {
  const first = user('u1')
  const conversation = [system('s'), marked(first), user('u1')]
  const before = structuredClone(conversation)
  shorten(new Turns(conversation), 1)
  expect(conversation).toEqual(before)
})
