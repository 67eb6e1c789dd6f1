/** What the upstream answers, in the bytes of OpenAI's API. */

const MODEL = 'gpt-4o-mini-2024-07-18'
const TEXT =
  'The capital of France is Paris, which has been the seat of its government for most of the last ten centuries.'

/** The pieces of a streamed answer that carry text. */
export const TEXT_EVENTS = 64

/** Requests of a batch. */
export const BATCH_ITEMS = 64
export const VECTORS = 100
export const VECTOR_LENGTH = 768

const usage = {
  prompt_tokens: 27,
  completion_tokens: TEXT_EVENTS,
  total_tokens: 27 + TEXT_EVENTS,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 0,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
}

/** Indented, as OpenAI sends it. */
export const chatReply = JSON.stringify(
  {
    id: 'chatcmpl-CBenchBenchBenchBenchBenchBen',
    object: 'chat.completion',
    created: 1_760_000_000,
    model: MODEL,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: TEXT, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage,
    service_tier: 'default',
    system_fingerprint: 'fp_0123456789',
  },
  null,
  2,
)

/** One server-sent event each: the role, the text, the reason of the end, the usage, the mark of the end. */
export const streamReply: readonly string[] = [
  chunk([{ index: 0, delta: { role: 'assistant', content: '', refusal: null }, logprobs: null, finish_reason: null }]),
  ...Array.from({ length: TEXT_EVENTS }, (_, index) =>
    chunk([{ index: 0, delta: { content: ` word${index}` }, logprobs: null, finish_reason: null }]),
  ),
  chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }]),
  chunk([], usage),
  'data: [DONE]\n\n',
]

/** A text completion, whole and as a stream. */
export const completionReply = JSON.stringify({ ...completion([choice(TEXT, 'stop')]), usage })
export const completionStreamReply: readonly string[] = [
  ...Array.from({ length: TEXT_EVENTS }, (_, index) => eventOf(completion([choice(` word${index}`, null)]))),
  eventOf(completion([choice('', 'stop')])),
  eventOf({ ...completion([]), usage }),
  'data: [DONE]\n\n',
]

export const floatReply = embedReply((vector) => vector)

export const base64Reply = embedReply((vector) => Buffer.from(new Float32Array(vector).buffer).toString('base64'))

function chunk(choices: readonly unknown[], reported: unknown = null): string {
  const body = {
    id: 'chatcmpl-CBenchBenchBenchBenchBenchBen',
    object: 'chat.completion.chunk',
    created: 1_760_000_000,
    model: MODEL,
    service_tier: 'default',
    system_fingerprint: 'fp_0123456789',
    choices,
    usage: reported,
    obfuscation: '0123456789ab',
  }
  return eventOf(body)
}

function eventOf(body: object): string {
  return `data: ${JSON.stringify(body)}\n\n`
}

function choice(text: string, reason: string | null): object {
  return { index: 0, text, logprobs: null, finish_reason: reason }
}

function completion(choices: readonly object[]): object {
  const id = 'cmpl-CBenchBenchBenchBenchBenchBench'
  return { id, object: 'text_completion', created: 1_760_000_000, model: MODEL, choices, usage: null }
}

function embedReply(encode: (vector: readonly number[]) => unknown): string {
  const data = Array.from({ length: VECTORS }, (_, index) => ({
    object: 'embedding',
    index,
    embedding: encode(Array.from({ length: VECTOR_LENGTH }, (_, place) => Math.fround(Math.sin(index + place) / 28))),
  }))
  const counts = { prompt_tokens: 800, total_tokens: 800 }
  return JSON.stringify({ object: 'list', data, model: 'text-embedding-3-small', usage: counts })
}
