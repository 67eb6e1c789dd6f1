import type { ImageSize } from '../../domain/tokens/image-size.ts'
import type { MediaInput } from '../../domain/tokens/media.ts'

/* What vendors charge for images, sounds and files, in input tokens. They scale images down first, never up. */

type MediaTokens = (media: MediaInput, model: string) => number | undefined

interface TileRule {
  readonly model: RegExp
  readonly base: number
  readonly perTile: number
}

interface PatchRule {
  readonly model: RegExp
  readonly factor: number
}

/** The first that fits counts. */
const tileRules: readonly TileRule[] = [
  { model: /4o-mini/, base: 2_833, perTile: 5_667 },
  { model: /gpt-5/, base: 70, perTile: 140 },
  { model: /^(o1|o3)/, base: 75, perTile: 150 },
  { model: /./, base: 85, perTile: 170 },
]
const patchRules: readonly PatchRule[] = [
  { model: /(gpt-4\.1|gpt-5[\d.]*)-mini/, factor: 1.62 },
  { model: /(gpt-4\.1|gpt-5[\d.]*)-nano/, factor: 2.46 },
  { model: /o4-mini/, factor: 1.72 },
]
const TILE = 512
const PATCH = 32
const MAX_PATCHES = 1_536
const OPENAI_SOUND = 10

/**
 * At high detail, which is the default. https://platform.openai.com/docs/guides/images-vision#calculating-costs
 * Sounds: https://platform.openai.com/docs/guides/realtime-costs
 */
export const openAiMedia: MediaTokens = ({ size, seconds }, model) => {
  if (seconds !== undefined) return seconds * OPENAI_SOUND
  if (!size) return undefined
  const patches = patchRules.find((rule) => rule.model.test(model))
  if (patches) return Math.min(MAX_PATCHES, tiles(size, PATCH)) * patches.factor
  const square = within(size, 2_048)
  const shorter = Math.min(square.width, square.height)
  const scaled = scale(square, Math.min(1, 768 / shorter))
  const rule = tileRules.find((candidate) => candidate.model.test(model))
  return rule && rule.base + rule.perTile * tiles(scaled, TILE)
}

const CLAUDE_PIXELS = 750
const CLAUDE_LONGEST = 1_568
const CLAUDE_MOST = 1_600
/** Text and picture of a page: 1,500 to 3,000 for the text. */
const CLAUDE_PAGE = 3_000

/**
 * https://platform.claude.com/docs/en/build-with-claude/vision#evaluate-image-size and
 * https://platform.claude.com/docs/en/build-with-claude/pdf-support#estimate-your-costs
 */
export const anthropicMedia: MediaTokens = ({ size, pages }) => {
  if (pages !== undefined) return pages * CLAUDE_PAGE
  if (!size) return undefined
  const { width, height } = within(size, CLAUDE_LONGEST)
  return Math.min(CLAUDE_MOST, (width * height) / CLAUDE_PIXELS)
}

const GEMINI_UNIT = 258
const GEMINI_SMALL = 384
const GEMINI_TILE = 768
const GEMINI_SOUND = 32

/** https://ai.google.dev/gemini-api/docs/tokens#multimodal-tokens */
export const geminiMedia: MediaTokens = ({ size, seconds, pages }) => {
  if (seconds !== undefined) return seconds * GEMINI_SOUND
  if (pages !== undefined) return pages * GEMINI_UNIT
  if (!size) return undefined
  const isSmall = size.width <= GEMINI_SMALL && size.height <= GEMINI_SMALL
  return GEMINI_UNIT * (isSmall ? 1 : tiles(size, GEMINI_TILE))
}

/** Squares that cover the image. */
function tiles({ width, height }: ImageSize, side: number): number {
  return Math.ceil(width / side) * Math.ceil(height / side)
}

/** Scaled down until no side is longer. */
function within(size: ImageSize, longest: number): ImageSize {
  return scale(size, Math.min(1, longest / Math.max(size.width, size.height)))
}

function scale({ width, height }: ImageSize, factor: number): ImageSize {
  return { width: width * factor, height: height * factor }
}
