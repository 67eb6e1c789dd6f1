import { expect, test } from 'vitest'
import { findWords } from './find-words.ts'

const wordsIn = (path: string, text: string) => findWords(path, text).map(({ line, word }) => `${line} ${word}`)

test('words are found in comments and messages of code, with their line', () => {
  const code =
    "/** One.\n * Told to whoever asks. */\nconst door = 'door'\nthrow new Error('The caller left.') // anew\n"
  expect(wordsIn('src/a.ts', code)).toEqual(['2 Told', '2 whoever', '4 caller left', '4 anew'])
})

test.each([
  'const road = tell(door)',
  "import { tell } from './door.ts'",
  '/** `door` is a label. */',
  '/** The digits tell keys apart. */',
  '/** Out of memory, of course. */',
  '/** Offset of the tag. */',
])('what is no prose, or good prose, is left alone: %s', (code) => expect(wordsIn('src/a.ts', code)).toEqual([]))

test.each(['/** Of its tag. */', '  // Of one message.'])('a comment that begins with Of is found: %s', (code) =>
  expect(findWords('src/a.ts', code)).toHaveLength(1),
)

test('pages are read without their code and link targets', () => {
  const page = 'The [server](doors.md) is `anew`.\n\n```\nanew\n```\n\nIt goes by its name.\n'
  expect(wordsIn('docs/a.md', page)).toEqual(['7 goes by'])
})
