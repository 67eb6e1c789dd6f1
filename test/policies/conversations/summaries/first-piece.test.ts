import { expect, it, test } from 'vitest'
import { textTokenEstimate } from '../../../../src/domain/tokens/scan.ts'
import { firstPiece } from '../../../../src/policies/conversations/summaries/first-piece.ts'
import { randomFrom } from '../../../support/random.ts'

const letters = (text: string) => text.length

test.each([
  ['a text that is short enough is whole', 'one two', 10, 'one two'],
  ['a piece ends at a line break near its end', 'first line\nsecond line', 13, 'first line\n'],
  ['a line break far from its end does not cut it', 'a\nsecond line', 10, 'a\nsecond l'],
  ['no character is cut in half', '1234😀', 5, '1234'],
  ['a piece may be too small for anything', 'one two', 0, ''],
])('%s', (_, text, limit, piece) => {
  expect(firstPiece(text, limit, letters)).toBe(piece)
})

it('pieces of any text are within the limit, and together the text', () => {
  const below = randomFrom(3)
  const words = Array.from({ length: 8_000 }, () => ['word', 'Überraschung', '文字列', '\n', '12345', '😀'][below(6)])
  const text = words.join(' ')
  const pieces: string[] = []
  for (let rest = text; rest !== ''; rest = rest.slice(pieces.at(-1)?.length)) {
    const piece = firstPiece(rest, 1_000, textTokenEstimate)
    expect(textTokenEstimate(piece)).toBeLessThanOrEqual(1_000)
    pieces.push(piece)
  }
  expect(pieces.join('')).toBe(text)
  expect(pieces.length).toBeLessThan((1.5 * textTokenEstimate(text)) / 1_000)
})
