import { type Blame, doubted, isAboutKey } from '../../domain/errors/blame.ts'
import { blameOf, type Reason } from '../../domain/errors/reasons.ts'
import { isSentence } from './sentence.ts'
import type { VendorError } from './vendor-error.ts'

/** What to conclude from a failed reply. */
export interface Conclusion {
  readonly reason: Reason
  /** Default: as the table of reasons has it. */
  readonly blame?: Blame
  readonly retry?: boolean
  readonly fallback?: boolean
  /** How long to wait where the vendor does not say, in ms. */
  readonly wait?: number
  /** What the operator or the caller can do. Default: the usual advice for the reason. */
  readonly advice?: string
}

interface Replies {
  /** Statuses of the reply. Default: any that is a failure. */
  readonly status?: readonly number[]
  /** Only for servers on the operator's own machines. */
  readonly local?: true
}

/** A structured code of the vendor's, in its `code` or its `type`. Callers cannot write it. */
export interface CodeSign extends Replies, Conclusion {
  readonly code: RegExp
}

/**
 * Whole messages of the vendor's, `{}` for a word such as a model's name. Callers cannot cause them, because a message
 * that repeats part of a request says something around it.
 */
export interface SentenceSign extends Replies, Conclusion {
  readonly sentences: readonly string[]
  /** Where the sentences are documented or were recorded, and when. */
  readonly source: string
}

/**
 * Words somewhere in a message, which a caller may have caused. They choose the reason that the caller sees, and nothing
 * else: what they are evidence of is never more than a doubt.
 */
export interface WordsSign extends Replies, Omit<Conclusion, 'blame'> {
  readonly words: RegExp
  /** Only where the vendor names no field of the request and no code of its own. */
  readonly generalOnly?: true
}

/** Only the status, where nothing else fits. */
export interface StatusSign extends Conclusion {
  readonly status: readonly number[]
  readonly local?: true
}

export type Sign = CodeSign | SentenceSign | WordsSign | StatusSign

/** A failed reply: its status, where it has one, and the vendor's error. */
interface Reply {
  readonly status: number | undefined
  readonly error: VendorError | undefined
}

/** A failed reply as signs see it. */
export interface ReplyWords extends Reply {
  readonly local: boolean
  /** The part of the message in which words are looked for. */
  readonly text: string
}

export function fits(sign: Sign, reply: ReplyWords): boolean {
  if (reply.status === undefined ? sign.status && !('words' in sign) : sign.status?.includes(reply.status) === false) {
    return false
  }
  if (sign.local && !reply.local) return false
  if ('code' in sign) return hasCode(reply.error, sign.code)
  if ('sentences' in sign) return sign.sentences.some((sentence) => isSentence(sentence, reply.error?.message ?? ''))
  if ('words' in sign) return (!sign.generalOnly || isGeneral(reply.error)) && sign.words.test(reply.text)
  return true
}

/** What a sign is evidence of. */
export function blameFor(sign: Sign, { status, error }: Reply): Blame {
  // What a router passes on of a vendor behind it is no evidence about the router.
  if (error?.relayed) return doubted(blameOf(sign.reason))
  if (!('words' in sign)) return sign.blame ?? blameOf(sign.reason)
  if (!isAboutKey(blameOf(sign.reason))) return 'request'
  // That the key has to wait is what the status says, whatever the words.
  return status === 429 ? 'key for model' : 'maybe key'
}

/** A code looks like one; some vendors put sentences there. */
const CODE = /^[\w.:-]{1,64}$/

function hasCode(error: VendorError | undefined, code: RegExp): boolean {
  if (!error) return false
  return [error.code, error.type].some((word) => word !== undefined && CODE.test(word) && code.test(word))
}

/** Codes that say only that the request was refused. */
const GENERAL =
  /^(\d{1,5}|invalid_request(_error)?|invalid[-_]argument|bad_?request|failed_precondition|permission_denied|none|error)$/i

function isGeneral(error: VendorError | undefined): boolean {
  if (!error || error.param) return false
  return [error.code, error.type].every((word) => !word || !CODE.test(word) || GENERAL.test(word))
}
