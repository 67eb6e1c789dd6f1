import { create } from '@bufbuild/protobuf'
import type { Call, CallContext } from '../../../domain/calls/call.ts'
import { duration } from '../../../domain/calls/call-record.ts'
import { createCall } from '../../../domain/calls/facts.ts'
import type { Clock } from '../../../domain/clock.ts'
import { GatewayError, invalid } from '../../../domain/errors/error.ts'
import type { Provider } from '../../../domain/ports/provider.ts'
import type { EmbedEvent } from '../../../domain/streams/events.ts'
import { foldChat, foldEmbed } from '../../../domain/streams/fold.ts'
import type { Handler } from '../../../domain/streams/follow.ts'
import {
  CacheMode,
  Capability,
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  type EmbedRequest,
  EmbedRequestSchema,
  Role,
  type TestProviderRequest,
  type TestProviderResponse,
} from '../../../domain/types.ts'
import type { UnaryMethod } from '../../method-types.ts'
import { findProvider } from './find-provider.ts'

/** Enough for one word, and the minimum that some vendors accept. */
const TEST_TOKENS = 16

export interface ProviderTest {
  readonly chat: Handler<Call<ChatRequest>, ChatEvent>
  readonly embed: Handler<Call<EmbedRequest>, EmbedEvent>
  readonly providers: readonly Provider[]
  readonly clock: Clock
}

/**
 * Makes one real, very small call like any other and returns its outcome. It throws only INVALID_REQUEST,
 * PROVIDER_NOT_FOUND and the reason of a cancelled call.
 */
export function createTestProvider(test: ProviderTest): UnaryMethod<TestProviderRequest, TestProviderResponse> {
  return async (request, context) => {
    if (request.provider === '') throw invalid('provider', 'is required')
    const provider = findProvider(test.providers, request.provider)
    const startedAt = test.clock.now()
    const failure = await tryCall(test, provider, request.model, context)
    return {
      $typeName: 'llmgateway.v1.TestProviderResponse',
      ok: !failure,
      provider: provider.name,
      model: context.record.attempts.at(-1)?.model ?? (request.model || (provider.defaultModel ?? '')),
      latency: duration(test.clock.now() - startedAt),
      reason: failure?.reason ?? '',
      message: failure?.message ?? '',
    }
  }
}

/** The error of the call, if it failed. */
async function tryCall(
  test: ProviderTest,
  provider: Provider,
  model: string,
  context: CallContext,
): Promise<GatewayError | undefined> {
  try {
    if (provider.capabilities.includes(Capability.CHAT)) {
      await foldChat(await test.chat(createCall('chat', tinyChat(provider, model), context)))
    } else {
      await foldEmbed(await test.embed(createCall('embed', tinyEmbed(provider, model), context)))
    }
    return undefined
  } catch (thrown) {
    context.cancellation.throwIfCancelled()
    const error = GatewayError.from(thrown)
    if (error.reason === 'INVALID_REQUEST') throw error
    return error
  }
}

function tinyChat(provider: Provider, model: string): ChatRequest {
  return create(ChatRequestSchema, {
    provider: provider.name,
    model,
    messages: [{ role: Role.USER, content: 'Reply with OK.' }],
    maxTokens: TEST_TOKENS,
    disableFallback: true,
    cache: { mode: CacheMode.BYPASS },
  })
}

function tinyEmbed(provider: Provider, model: string): EmbedRequest {
  return create(EmbedRequestSchema, {
    provider: provider.name,
    model,
    inputs: ['OK'],
    cache: { mode: CacheMode.BYPASS },
  })
}
