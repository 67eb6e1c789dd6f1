import { create } from '@bufbuild/protobuf'
import { describe, expect, it, test } from 'vitest'
import type { Handler } from '../../../src/domain/streams/follow.ts'
import { type ChatEvent, MessageSchema, Role } from '../../../src/domain/types.ts'
import { TextTrimmer } from '../../../src/policies/conversations/text-trimmer.ts'
import { trimTexts } from '../../../src/policies/conversations/trim-texts.ts'
import { assistant, conversation, result, system, user } from '../../support/conversations.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RoutedCall, routedCall, targetOf } from '../../support/routed-call.ts'
import { openStream } from '../../support/streams.ts'

const CODE = '```js\nconst a = 1  \n\n\n\n\nb()\t\n```'

describe('a text', () => {
  test.each([
    ['blanks at the ends of lines', 'one  \ntwo\t \n three ', 'one\ntwo\n three'],
    ['blank lines beyond two', 'one\n\n\n\n\ntwo\n \n\t\n  \nthree', 'one\n\n\ntwo\n\n\nthree'],
    ['blank lines beyond two at its end', 'one\n\n\n\n\n', 'one\n\n\n'],
    ['the same with Windows line breaks', 'one \r\n\r\n \r\n\r\n\r\ntwo', 'one\r\n\r\n\r\ntwo'],
    ['blanks after code and before it', `one  \n${CODE}\n\n\n\n\ntwo `, `one\n${CODE}\n\n\ntwo`],
  ])('loses %s', (_, text, trimmed) => {
    expect(new TextTrimmer().trim(text, true)).toBe(trimmed)
  })

  test.each([
    ['two blank lines and indentation', '  one\n\n\n\ttwo  three'],
    ['other white space', 'one\u00a0\ntwo\u3000'],
    ['an empty text', ''],
    ['fenced code', CODE],
    ['code that is never closed', '~~~\none  \n\n\n\n\ntwo'],
    ['code in a list or a quotation', '- ```\n  one  \n  ```\n> ~~~\n> two  \n> ~~~'.replace('- ', '  ')],
    ['code with shorter and other fences in it', '````\n```  \n~~~~  \none  \n````'],
  ])('keeps %s', (_, text) => {
    expect(new TextTrimmer().trim(text, true)).toBe(text)
  })

  it('goes on in the next one of the same message', () => {
    const trimmer = new TextTrimmer()
    expect(
      ['one  \ntwo ', 'three  \n```\nfour  ', '\nfive  \n```\nsix  '].map((text, at) => trimmer.trim(text, at === 2)),
    ).toEqual(['one\ntwo ', 'three\n```\nfour  ', '\nfive  \n```\nsix'])
  })
})

/** What is sent to a target whose alias has these rules. */
async function sent(trim: boolean | undefined) {
  const parts = [{ content: { case: 'text' as const, value: 'part  \n ' } }]
  const request = conversation([
    system('s  '),
    user('u  '),
    create(MessageSchema, { role: Role.USER, content: 'part  \n ', parts }),
    assistant('a  '),
    result('x', 'r  '),
  ])
  let seen: RoutedCall | undefined
  const next: Handler<RoutedCall, ChatEvent> = async (call) => {
    seen = call
    return openStream()
  }
  const target = targetOf('one', {}, { alias: 'a', conversation: { trim } })
  await trimTexts()<RoutedCall, ChatEvent>(next)(routedCall(new FakeClock(), [target], { request }))
  return { request, sent: seen?.request }
}

it('of a chat, the texts of the system and the user are trimmed where the alias says so', async () => {
  const { request, sent: trimmed } = await sent(true)
  expect(trimmed?.messages.map(({ content }) => content)).toEqual(['s', 'u', '', 'a  ', 'r  '])
  expect(trimmed?.messages[2]?.parts.map(({ content }) => content.value)).toEqual(['part\n'])
  expect(request.messages[0]?.content).toBe('s  ')
})

it.each([false, undefined])('nothing is trimmed where it says %s', async (trim) => {
  const { request, sent: same } = await sent(trim)
  expect(same).toBe(request)
})
