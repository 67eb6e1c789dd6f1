import { create } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { MessageSchema, Role } from '../../../../src/domain/types.ts'
import { transcriptOf } from '../../../../src/policies/conversations/summaries/transcript.ts'
import { assistant, calling, marked, result, user } from '../../../support/conversations.ts'

it('a transcript has what was said and what tools found', () => {
  const picture = create(MessageSchema, {
    role: Role.USER,
    name: 'ann',
    parts: [
      { content: { case: 'text', value: 'What is this?' } },
      { content: { case: 'image', value: { name: 'cat.png' } } },
      { content: { case: 'file', value: {} } },
    ],
  })
  const refusing = create(MessageSchema, { role: Role.ASSISTANT, refusal: 'No.', reasoning: [{ text: 'secret' }] })
  expect(transcriptOf([user('Hi'), assistant('Hello'), picture, calling('1'), result('1'), refusing])).toBe(
    [
      'User: Hi',
      'Assistant: Hello',
      'User (ann): What is this?\n[image cat.png]\n[file]',
      'Assistant calls the tool look: {}',
      'Result of a tool: found',
      'Assistant: No.',
      '',
    ].join('\n\n'),
  )
})

it('marks for the cache of the vendor do not change it', () => {
  expect(transcriptOf([marked(user('Hi'))])).toBe(transcriptOf([user('Hi')]))
})
