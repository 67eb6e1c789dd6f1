import { describe, expect, it } from 'vitest'
import type { MediaInput } from '../../../src/domain/tokens/media.ts'
import { anthropicMedia, geminiMedia, openAiMedia } from '../../../src/providers/vendors/media-tokens.ts'

const nothing: MediaInput = { kind: 'image', bytes: 1, size: undefined, seconds: undefined, pages: undefined }
const image = (width: number, height: number): MediaInput => ({ ...nothing, size: { width, height } })
const sound = (seconds: number): MediaInput => ({ ...nothing, kind: 'audio', seconds })
const file = (pages: number): MediaInput => ({ ...nothing, kind: 'file', pages })

describe('input tokens of images', () => {
  it.each([
    // The vendor's own examples.
    ['gpt-4o', 1_024, 1_024, 765],
    ['gpt-4o', 2_048, 4_096, 1_105],
    ['gpt-4o', 512, 512, 255],
    ['gpt-4o-mini', 1_024, 1_024, 25_501],
    ['gpt-5.1', 1_024, 1_024, 630],
    ['o3', 1_024, 1_024, 675],
    ['gpt-4.1-mini', 1_024, 1_024, 1_659],
    ['gpt-4.1-mini', 10_000, 10_000, 2_488],
    ['o4-mini', 1_024, 1_024, 1_761],
  ])('are those of OpenAI’s tiles and patches: %s, %i x %i', (model, width, height, tokens) => {
    expect(Math.round(openAiMedia(image(width, height), model) ?? 0)).toBe(tokens)
  })

  it.each([
    [200, 200, 54],
    [1_000, 1_000, 1_334],
    [1_092, 1_092, 1_590],
    [4_000, 1_000, 820],
    [4_000, 4_000, 1_600],
  ])('are the pixels of Anthropic, scaled down: %i x %i', (width, height, tokens) => {
    expect(Math.ceil(anthropicMedia(image(width, height), 'claude-sonnet-4-6') ?? 0)).toBe(tokens)
  })

  it.each([
    [384, 384, 258],
    [385, 100, 258],
    [1_000, 700, 516],
    [1_536, 1_536, 1_032],
  ])('are the tiles of Gemini: %i x %i', (width, height, tokens) => {
    expect(geminiMedia(image(width, height), 'gemini-3.8-flash')).toBe(tokens)
  })
})

it('are counted for sounds and pages where the vendor takes them', () => {
  expect(openAiMedia(sound(60), 'gpt-4o-audio-preview')).toBe(600)
  expect(geminiMedia(sound(60), 'gemini-3.8-flash')).toBe(1_920)
  expect(geminiMedia(file(3), 'gemini-3.8-flash')).toBe(774)
  expect(anthropicMedia(file(3), 'claude-sonnet-4-6')).toBe(9_000)
})

it('are unknown where nothing is known of the size', () => {
  for (const rule of [openAiMedia, anthropicMedia, geminiMedia]) expect(rule(nothing, 'm')).toBeUndefined()
})
