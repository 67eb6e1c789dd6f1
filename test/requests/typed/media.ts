import type { TypedRequest } from '../requests.ts'
import { assistant, at, bytes, cachedText, call, PDF, PIXEL, result, system, user, WAV, weather } from './said.ts'

/** More than text, and what the vendor is to cache. */
export const media = {
  'image-bytes': { messages: [user('What is this?', bytes('image', 'image/png', PIXEL))] },
  'image-url': { messages: [user('What is this?', at('image', 'https://example.com/cat.png', 'image/png'))] },
  'images-between-texts': {
    messages: [
      user('First', bytes('image', 'image/png', PIXEL), 'second', bytes('image', 'image/jpeg', PIXEL), 'differ?'),
    ],
  },
  'pdf-bytes': { messages: [user(bytes('file', 'application/pdf', PDF, 'report.pdf'), 'Sum it up.')] },
  'pdf-url': { messages: [user(at('file', 'https://example.com/report.pdf', 'application/pdf'), 'Sum it up.')] },
  'text-file-bytes': { messages: [user(bytes('file', 'text/plain', 'SGVsbG8u', 'note.txt'), 'Sum it up.')] },
  'sound-bytes': { messages: [user('Write it down.', bytes('audio', 'audio/wav', WAV))] },
  'sound-url': { messages: [user('Write it down.', at('audio', 'https://example.com/a.wav', 'audio/wav'))] },
  'image-in-a-result': {
    messages: [
      user('Draw.'),
      assistant('', { toolCalls: [call('call_1', 'get_weather', '{"city":"Oslo"}')] }),
      result('call_1', 'Here:', bytes('image', 'image/png', PIXEL)),
    ],
    tools: [weather],
  },
  'image-in-an-answer': {
    messages: [
      user('Draw.'),
      assistant('', { parts: [bytes('image', 'image/png', PIXEL)] }),
      user('Once more, in red.'),
    ],
  },
  'cache-marks': {
    messages: [
      { ...system(''), parts: [cachedText('A long instruction.', 3600)] },
      user(cachedText('A long document.', 300), 'Sum it up.'),
    ],
  },
  'five-cache-marks': {
    messages: [user(...['One', 'two', 'three', 'four', 'five'].map((word) => cachedText(word, 300)))],
  },
} satisfies Record<string, TypedRequest>
