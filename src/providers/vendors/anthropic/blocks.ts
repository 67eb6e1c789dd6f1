import type { Part } from '../../../domain/types.ts'
import { type JsonFields, objectJson } from '../json.ts'

/** Time for which a prefix of the conversation is cached. */
export interface CacheMark {
  readonly ttl: '5m' | '1h'
  /** Field of the request that asks for it. */
  readonly at: string
}

/** A content block of a request. */
export interface Block {
  readonly fields: JsonFields
  /** Fields that are JSON text already. */
  readonly texts?: Readonly<Record<string, string>>
  /** Asks the vendor to cache the prefix that ends here. */
  mark?: CacheMark | undefined
}

export function textBlock(text: string): Block {
  return { fields: { type: 'text', text } }
}

/** The vendor refuses empty texts, and turns of nothing but white space. */
export function isBlank(text: string): boolean {
  return text.trim() === ''
}

export function blockJson({ fields, texts = {}, mark }: Block): string {
  // Five minutes is the vendor's default.
  const ttl = mark?.ttl === '1h' && { ttl: mark.ttl }
  return objectJson({ ...fields, ...(mark && { cache_control: { type: 'ephemeral', ...ttl } }) }, texts)
}

const FIVE_MINUTES = 300

/** https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
export function cacheMark({ cacheTtl }: Part, at: string): CacheMark | undefined {
  if (!cacheTtl) return undefined
  const seconds = Number(cacheTtl.seconds) + cacheTtl.nanos / 1e9
  return { ttl: seconds > FIVE_MINUTES ? '1h' : '5m', at: `${at}.cache_ttl` }
}

/** Limit of the vendor for cache marks in a request. */
const MAX_MARKS = 4

/**
 * Keeps the marks that the vendor takes: the last four, because each covers what the ones before it cover. A mark of an
 * hour may not follow one of five minutes, so it is shortened.
 */
export function limitMarks(blocks: readonly Block[], leaveOut: (field: string, why: string) => void): void {
  const marked = blocks.filter((block) => block.mark)
  for (const block of marked.splice(0, Math.max(0, marked.length - MAX_MARKS))) {
    leaveOut(block.mark?.at ?? '', `the vendor takes ${MAX_MARKS} of them`)
    block.mark = undefined
  }
  let shortened = false
  for (const block of marked) {
    if (shortened && block.mark) block.mark = { ...block.mark, ttl: '5m' }
    shortened ||= block.mark?.ttl === '5m'
  }
}
