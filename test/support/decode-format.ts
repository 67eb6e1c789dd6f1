import type { FinishReason, Usage } from '../../src/domain/types.ts'
import type { ChatSink, ReplyFormat } from '../../src/providers/define.ts'
import type { VendorError } from '../../src/providers/failures/vendor-error.ts'

/** What a decoder reported of a text. */
export interface DecodedText {
  text: string
  model: unknown
  reason: FinishReason | undefined
  raw: string | undefined
  usage: Usage | undefined
  done: boolean
  /** The reason of the failure. */
  failure: string | undefined
  reported: VendorError | undefined
}

/** Decodes one JSON body. */
export function decodeWhole(format: ReplyFormat, body: unknown): DecodedText {
  const { decoder, decoded } = listen(format)
  decoder.whole(body, JSON.stringify(body))
  return decoded
}

/** Decodes the frames of a stream, to its end. */
export function decodeFrames(format: ReplyFormat, frames: readonly string[]): DecodedText {
  const { decoder, decoded } = listen(format)
  for (const frame of frames) decoder.frame(frame, '')
  decoder.end()
  return decoded
}

function listen(format: ReplyFormat) {
  const decoded: DecodedText = {
    text: '',
    model: undefined,
    reason: undefined,
    raw: undefined,
    usage: undefined,
    done: false,
    failure: undefined,
    reported: undefined,
  }
  const isOver = () => decoded.done || decoded.failure !== undefined || decoded.reported !== undefined
  const sink: ChatSink = {
    identify: (_id, model) => {
      decoded.model ??= model
    },
    text: (text) => {
      decoded.text += text
    },
    reasoning() {},
    toolCall() {},
    refusal() {},
    part() {},
    citation() {},
    warn() {},
    usage: (usage) => {
      decoded.usage = usage
    },
    stop: (reason, raw) => {
      Object.assign(decoded, { reason, raw })
    },
    get stopped() {
      return decoded.reason !== undefined
    },
    get ended() {
      return isOver()
    },
    done: () => {
      decoded.done ||= !isOver()
    },
    fail: ({ reason }) => {
      if (!isOver()) decoded.failure = reason
    },
    failWith: (error) => {
      if (!isOver()) decoded.reported = error
    },
  }
  return { decoder: format.decoder(sink), decoded }
}
