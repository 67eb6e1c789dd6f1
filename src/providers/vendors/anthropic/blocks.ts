import type { Part } from '../../../domain/types.ts'
import { type JsonFields, objectJson } from '../json.ts'

/** How long a prefix of the conversation is to be cached. */
export interface CacheMark {
  readonly ttl: '5m' | '1h'
  /** The field that asks for it. */
  readonly at: string
}

/** One content block of a request. */
export interface Block {
  readonly fields: JsonFields
  /** Fields that are JSON text already. */
  readonly texts?: Readonly<Record<string, string>>
  /** Whether the prefix that ends here is to be cached. */
  mark?: CacheMark | undefined
}

export function textBlock(text: string): Block {
  return { fields: { type: 'text', text } }
}

/** The vendor refuses texts that are empty, and turns that hold nothing but white space. */
export function isBlank(text: string): boolean {
  return text.trim() === ''
}

export function blockJson({ fields, texts = {}, mark }: Block): string {
  // Five minutes is what the vendor keeps a prefix without further words.
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

/** The most marks that the vendor takes. */
const MAX_MARKS = 4

/**
 * Keeps the marks that the vendor takes: the last four, since each of them covers what the ones before it cover, and no
 * hour behind five minutes.
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
