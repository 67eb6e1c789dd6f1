import { create } from '@bufbuild/protobuf'
import { emptyMessage } from '../domain/streams/events.ts'
import { type ChatRequest, ChatRequestSchema, type CompleteRequest, Role } from '../domain/types.ts'

/** A chat with the prompt as its only message, and with the request's sampling fields. */
export function chatOf(request: CompleteRequest): ChatRequest {
  const { prompt, stop, seed, temperature, topP, topK, maxTokens, frequencyPenalty, presencePenalty } = request
  const message = { ...emptyMessage(Role.USER), content: prompt }
  return Object.assign(create(ChatRequestSchema), {
    messages: [message],
    stop,
    seed,
    temperature,
    topP,
    topK,
    maxTokens,
    frequencyPenalty,
    presencePenalty,
  })
}
