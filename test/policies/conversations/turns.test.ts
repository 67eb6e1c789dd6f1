import { describe, expect, it } from 'vitest'
import type { Message } from '../../../src/domain/types.ts'
import { Turns } from '../../../src/policies/conversations/turns.ts'
import { assistant, calling, result, system, user } from '../../support/conversations.ts'

/** The texts, or the ids of tool calls, of what is left without the oldest turns. */
function without(dropped: number, ...messages: readonly Message[]): string[] {
  return new Turns(messages).without(dropped).messages.map(nameOf)
}

function nameOf({ content, toolCalls, toolCallId }: Message): string {
  return toolCallId || content || toolCalls.map(({ id }) => id).join('+')
}

describe('a turn', () => {
  it('begins with a message of the user and ends before the next one', () => {
    const messages = [user('u1'), assistant('a1'), user('u2'), calling('x'), result('x'), assistant('a2'), user('u3')]
    expect(new Turns(messages).droppable).toBe(2)
    expect(without(1, ...messages)).toEqual(['u2', 'x', 'x', 'a2', 'u3'])
    expect(without(2, ...messages)).toEqual(['u3'])
    expect(new Turns(messages).between(1, 2).map(nameOf)).toEqual(['u2', 'x', 'x', 'a2'])
  })

  it('may begin with several messages of the user', () => {
    const messages = [user('u1'), assistant('a1'), user('a file'), system('s'), user('a question about it')]
    expect(new Turns(messages).droppable).toBe(1)
    expect(without(1, ...messages)).toEqual(['a file', 's', 'a question about it'])
  })

  it('is also what stands before the first message of the user', () => {
    expect(without(1, system('s'), assistant('hello'), user('u1'))).toEqual(['s', 'u1'])
  })

  it('reaches from a tool call to its result', () => {
    const messages = [user('u1'), calling('x', 'y'), result('y'), user('u2'), result('x'), user('u3'), user('u4')]
    expect(new Turns(messages).droppable).toBe(1)
    expect(without(1, ...messages)).toEqual(['u3', 'u4'])
  })

  it('differs from others with calls of the same id', () => {
    const round = [user('u'), calling('call_0'), result('call_0')]
    expect(new Turns([...round, ...round, ...round]).droppable).toBe(2)
  })
})

it.each([
  ['only system text', [system('s')]],
  ['one turn', [system('s'), user('u1'), assistant('a1')]],
  ['no message of the user', [assistant('a1'), assistant('a2')]],
  ['a result without its call', [result('x'), user('u1')].slice(0, 1)],
])('nothing can be dropped from a conversation of %s', (_, messages) => {
  expect(new Turns(messages).droppable).toBe(0)
})

it('system text among the turns stays where it is', () => {
  const messages = [system('s1'), user('u1'), system('s2'), assistant('a1'), user('u2'), system('s3')]
  expect(without(1, ...messages)).toEqual(['s1', 's2', 'u2', 's3'])
  expect(new Turns(messages).without(1).before).toBe(2)
})
