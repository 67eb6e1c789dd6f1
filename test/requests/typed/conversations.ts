import type { TypedRequest } from '../requests.ts'
import { assistant, developer, system, text, user } from './said.ts'

/** Who speaks, and in which order. */
export const conversations = {
  'user-text': { messages: [user('Hi.')] },
  'system-text': { messages: [system('Be brief.'), user('Hi.')] },
  'developer-text': { messages: [developer('Be brief.'), user('Hi.')] },
  'two-system-texts': { messages: [system('Be brief.'), developer('Rhyme.'), user('Hi.')] },
  'system-in-the-middle': {
    messages: [user('Hi.'), assistant('Hello.'), system('From now on, rhyme.'), user('Who are you?')],
  },
  'system-alone': { messages: [system('Say hello.')] },
  'system-parts': { messages: [{ ...system(''), parts: [text('Be brief.'), text('Rhyme.')] }, user('Hi.')] },
  'consecutive-users': { messages: [user('Hi.'), user('Are you there?')] },
  'consecutive-assistants': { messages: [user('Hi.'), assistant('Hello.'), assistant('Well?'), user('Yes.')] },
  'assistant-first': { messages: [assistant('How can I help?'), user('Hi.')] },
  'assistant-last': { messages: [user('Count to three.'), assistant('One, two,')] },
  'text-parts': { messages: [user('One.', 'Two.')] },
  'named-participants': {
    messages: [{ ...user('Hi.'), name: 'ann' }, assistant('Hello.', { name: 'bot' }), user('!')],
  },
  'empty-content': { messages: [system(''), user('Hi.'), assistant(''), user('')] },
  'refusal-sent-back': { messages: [user('Hi.'), assistant('', { refusal: 'I will not.' }), user('Why?')] },
  'citations-sent-back': {
    messages: [user('Hi.'), assistant('Hello.', { citations: [{ url: 'https://example.com' }] }), user('Why?')],
  },
  unicode: { messages: [user('Grüße, 世界 🎉 "quoted" \\ \n\u2028 end')] },
  streamed: { messages: [user('Hi.')], streamed: true },
  'marks-of-the-caller': {
    messages: [user('Hi.')],
    userId: 'ann',
    sessionId: 's1',
    labels: { team: 'web' },
  },
} satisfies Record<string, TypedRequest>
