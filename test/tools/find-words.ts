/** A place whose words should be replaced. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly word: string
  /** What to write instead. */
  readonly instead: string
  readonly text: string
}

interface Habit {
  readonly pattern: RegExp
  readonly instead: string
}

/** Words that are correct English but not how engineers write today, and what to write instead. */
const habits: readonly Habit[] = [
  { pattern: /\b(?:tells?|telling)\b(?![^.]{0,60}\bapart\b)/i, instead: 'report, return, notify, say' },
  { pattern: /\btold\b(?![^.]{0,60}\bapart\b)/i, instead: 'reported, notified' },
  { pattern: /\banew\b/i, instead: 'again' },
  { pattern: /\bmend(?:s|ed|ing)?\b/i, instead: 'fix' },
  { pattern: /\bwhoever\b/i, instead: 'callers that, those that' },
  { pattern: /\bdoors?\b/i, instead: 'server' },
  { pattern: /\broads?\b/i, instead: 'request pipeline' },
  { pattern: /\bso many\b/i, instead: 'up to N, how many' },
  { pattern: /\bgo(?:es)? by\b/i, instead: 'is named, depends on' },
  { pattern: /\boutworn\b/i, instead: 'reused' },
  { pattern: /\bbef(?:ell|alls?|allen)\b/i, instead: 'happened to' },
  { pattern: /\bin so many words\b/i, instead: 'explicitly' },
  { pattern: /\bknown answers?\b/i, instead: 'cache hit' },
  { pattern: /\blaid to\b/i, instead: 'attributed to' },
  { pattern: /\bcaller (?:has |had )?(?:left|leaves)\b/i, instead: 'client disconnected' },
  { pattern: /\b(?:the|this|our) house\b/i, instead: 'architecture, gateway' },
  { pattern: /\bwhat becomes of\b/i, instead: 'what happens to' },
  { pattern: /\bthe sort of\b/i, instead: 'the kind of' },
  {
    pattern: /^(?:\/\*\*|\/\/|\*)?\s*Of (?:[a-z]+\b[^:]*?)\.\s*(?:\*\/)?$/,
    instead: 'a noun phrase: "Offset of the tag."',
  },
]

/** Comments and messages of a source file, or the prose of a page. */
export function findWords(path: string, text: string): Finding[] {
  const prose = path.endsWith('.md') ? proseOfPage(text) : proseOfCode(text)
  return prose.flatMap(({ line, text: passage }) =>
    passage.split('\n').flatMap((part, index) =>
      habits.flatMap(({ pattern, instead }) => {
        const match = pattern.exec(part.trim())
        return match ? [{ path, line: line + index, word: match[0], instead, text: part.trim().slice(0, 100) }] : []
      }),
    ),
  )
}

interface Passage {
  readonly line: number
  readonly text: string
}

/** Comments, and texts of more than one word. Names in backticks are names. */
const passages = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g

function proseOfCode(text: string): Passage[] {
  return Array.from(text.matchAll(passages), ({ 0: passage, index }) => ({
    line: text.slice(0, index).split('\n').length,
    text: /^[/]/.test(passage) ? withoutNames(passage) : passage,
  })).filter(({ text: passage }) => passage.startsWith('/') || /\w \w/.test(passage))
}

/** A page without its code blocks; lines keep their numbers. */
function proseOfPage(text: string): Passage[] {
  const blanked = text.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]+/g, ''))
  return [{ line: 1, text: withoutNames(blanked.replace(/\]\([^)]*\)/g, ']').replace(/[\w-]+\.md\b/g, '')) }]
}

function withoutNames(text: string): string {
  return text.replace(/`[^`\n]*`/g, '')
}
