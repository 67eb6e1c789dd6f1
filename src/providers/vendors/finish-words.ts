import { FinishReason } from '../../domain/types.ts'

/**
 * Words for the end of an answer, of all wires: servers that imitate an API, and routers between them, use each other's.
 * In small letters without anything else, since servers differ in case and punctuation (`MAX_TOKENS`, `max-tokens`).
 * https://platform.openai.com/docs/api-reference/chat/object#chat/object-choices
 * https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 * https://ai.google.dev/api/generate-content#FinishReason
 * https://huggingface.co/docs/text-generation-inference (`eos_token`)
 * https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (`word`, `limit`)
 * https://docs.cohere.com/reference/chat (`COMPLETE`, `ERROR_TOXIC`, `ERROR_LIMIT`)
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (`guardrail_intervened`)
 */
const words: readonly (readonly [FinishReason, string])[] = [
  [
    FinishReason.STOP,
    'stop stopped word eos eostoken endoftext endturn end done stopsequence stoptoken complete completed',
  ],
  [FinishReason.LENGTH, 'length maxlength modellength limit errorlimit tokenlimit contextlength contextlengthexceeded'],
  [FinishReason.LENGTH, 'maxtokens maxoutputtokens maxnewtokens maxcompletiontokens modelcontextwindowexceeded'],
  [FinishReason.TOOL_CALLS, 'toolcall toolcalls tooluse functioncall functioncalls'],
  [FinishReason.CONTENT_FILTER, 'contentfilter contentfiltered safety recitation blocklist prohibitedcontent spii'],
  [FinishReason.CONTENT_FILTER, 'imagesafety imageprohibitedcontent imagerecitation modelarmor refusal sensitive'],
  [FinishReason.CONTENT_FILTER, 'guardrailintervened errortoxic moderation blocked'],
  [FinishReason.ERROR, 'error networkerror servererror internalerror insufficientsystemresource failed abort aborted'],
]

/** Failures of the model itself, which its vendor reports as the end of an answer. */
const modelFailures: ReadonlySet<string> = new Set([
  ...[
    'malformedfunctioncall',
    'unexpectedtoolcall',
    'toomanytoolcalls',
    'malformedresponse',
    'missingthoughtsignature',
  ],
  ...['malformedmodeloutput', 'malformedtooluse'],
])

/** Words that say that there is no end yet: some servers write the JSON `null` as a text. */
const noReasons: ReadonlySet<string> = new Set(['', 'null', 'none', 'nil', 'undefined'])

const reasons: ReadonlyMap<string, FinishReason> = new Map(
  words.flatMap(([reason, list]) => list.split(' ').map((word) => [word, reason] as const)),
)

export interface Ending {
  readonly reason: FinishReason
  /** Whether the model failed, so that an answer without content is no answer. */
  readonly modelFailed: boolean
}

/** What a vendor's word for the end means; undefined for a word that says that there is none yet. */
export function endingOf(raw: string): Ending | undefined {
  const word = raw
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/^(finish|stop)reason/, '')
  if (noReasons.has(word) || word.endsWith('unspecified')) return undefined
  const reason = reasons.get(word) ?? FinishReason.OTHER
  return { reason, modelFailed: reason === FinishReason.ERROR || modelFailures.has(word) }
}
