import { z } from 'zod'
import type { AnyRequest } from '../../../domain/calls/call.ts'
import { type OperationTraits, operations } from '../../../domain/calls/operations.ts'
import type { Clock } from '../../../domain/clock.ts'
import { GatewayError, unsupported } from '../../../domain/errors/error.ts'
import { promptTokens } from '../../../domain/estimate.ts'
import type { Ask, Provider } from '../../../domain/ports/provider.ts'
import { EventStream } from '../../../domain/streams/event-stream.ts'
import {
  Capability,
  type ChatEvent,
  type ChatRequest,
  type CompleteRequest,
  FinishReason,
  Role,
} from '../../../domain/types.ts'
import type { ModelKnowledge, ProviderKind, ProviderSettings } from '../../define.ts'
import { failedReply } from '../../failures/failed-reply.ts'
import type { VendorError } from '../../failures/vendor-error.ts'
import { ChatReply } from '../../http/chat-reply.ts'
import { Watchdog } from '../../http/watchdog.ts'
import { optionsFor } from '../../names.ts'
import { usageFrom } from '../../prices/usage.ts'
import { chatOf } from '../../prompt-as-chat.ts'
import { embed } from './embed.ts'
import { Player } from './player.ts'

/*
 * A vendor inside the gateway for tests of clients: no network, no key, and equal responses to equal requests. Each
 * model is a behaviour.
 */

const MODELS = ['echo', 'tool', 'slow', 'cut', 'embed', 'error-429', 'error-500', 'error-503']

const options = z.object({
  /** Time to the first event, in ms. */
  first_token_ms: z.number().min(0).max(3_600_000).default(0),
  /** Time between two events, in ms. */
  pace_ms: z.number().min(0).max(3_600_000).default(0),
  /** Time to the first event of the model `slow`, in ms. */
  slow_ms: z.number().min(0).max(3_600_000).default(30_000),
  input_tokens: z.number().int().min(0).optional(),
  output_tokens: z.number().int().min(0).optional(),
  /** Tokens of the context window of every model; longer conversations are refused. */
  context_window: z.number().int().min(1).optional(),
})
type Options = z.infer<typeof options>

export const simulator: ProviderKind = {
  kind: 'simulator',
  baseUrl: 'simulator:',
  environment: {},
  defaultModel: 'echo',
  defaultEmbedModel: 'embed',
  local: true,
  capabilities: [
    Capability.CHAT,
    Capability.EMBED,
    Capability.TOOLS,
    Capability.JSON_OBJECT,
    Capability.JSON_SCHEMA,
    Capability.REASONING,
    Capability.IMAGE_INPUT,
    Capability.AUDIO_INPUT,
    Capability.FILE_INPUT,
  ],
  options: options.shape,
  create: createSimulator,
}

function createSimulator(settings: ProviderSettings, clock: Clock, models: ModelKnowledge): Provider {
  const optionsOf = (request: AnyRequest): Options => {
    const parsed = options.safeParse({ ...settings.options, ...optionsFor(settings, request) })
    if (parsed.success) return parsed.data
    const field = `provider_options.${settings.name}.${parsed.error.issues[0]?.path.join('.') ?? ''}`
    throw new GatewayError('INVALID_REQUEST', `${field}: ${parsed.error.issues[0]?.message ?? 'invalid'}`)
  }
  const contextWindow = options.safeParse(settings.options).data?.context_window
  const simulation = { settings, clock, models }
  return {
    name: settings.name,
    kind: settings.kind.kind,
    baseUrl: settings.baseUrl,
    genAiName: settings.kind.kind,
    defaultModel: settings.defaultModel,
    defaultEmbedModel: settings.defaultEmbedModel,
    capabilities: settings.kind.capabilities,
    keyIds: [],
    chat: async (ask) => chat(simulation, optionsOf(ask.request), ask, operations.chat),
    complete: async (ask) => chat(simulation, optionsOf(ask.request), asChat(ask), operations.complete),
    embed: async (ask) => {
      refuseIfToldTo(settings, clock, ask)
      return embed(ask, models.frozen(ask.model))
    },
    listModels: async () => MODELS,
    catalogue: () => MODELS,
    describe: (model) => ({
      ...models.facts(model),
      completes: true,
      ...(contextWindow !== undefined && { contextWindow }),
    }),
    windowFor: (request) => options.safeParse(optionsFor(settings, request)).data?.context_window,
    close: async () => {},
  }
}

/** It continues a prompt with what it would answer to it. */
function asChat(ask: Ask<CompleteRequest>): Ask<ChatRequest> {
  if (ask.request.suffix !== '') throw unsupported('suffix', 'the simulator cannot fill in the middle')
  return { ...ask, request: chatOf(ask.request) }
}

interface Simulation {
  readonly settings: ProviderSettings
  readonly clock: Clock
  readonly models: ModelKnowledge
}

function chat(
  { settings, clock, models }: Simulation,
  timing: Options,
  ask: Ask<ChatRequest>,
  traits: OperationTraits,
): Promise<EventStream<ChatEvent>> {
  refuseIfToldTo(settings, clock, ask)
  if (promptTokens(ask.request) > (timing.context_window ?? Number.POSITIVE_INFINITY)) {
    throw refusal(settings, clock, ask, 400, { code: 'context_length_exceeded' })
  }
  ask.attempt.sent = true
  const script = scriptFor(ask)
  const describe = models.frozen(ask.model)
  const firstAfter = ask.model === 'slow' ? timing.slow_ms : timing.first_token_ms
  return new Promise((resolve, reject) => {
    const { steps } = script
    const player = new Player(clock, steps.length, timing.pace_ms, (step) => {
      if (step < steps.length) steps[step]?.(answer)
      else finish(answer, script, timing, ask)
    })
    const answer = new ChatReply({
      ask,
      traits,
      describe,
      begin() {
        stop()
        const events = new EventStream<ChatEvent>(ask.context.cancellation, player)
        resolve(events)
        return events
      },
      completed: stop,
      failed(error, begun) {
        player.cancel()
        stop()
        if (!begun) reject(error)
      },
      readError: GatewayError.from,
    })
    const watchdog = new Watchdog(clock, {
      limit: () => ask.firstEventBy,
      expire: () => answer.fail(timedOut(ask)),
    })
    const withCall = {
      cancel(reason: GatewayError) {
        player.cancel()
        stop()
        reject(reason)
      },
    }
    ask.context.cancellation.add(withCall)
    function stop() {
      watchdog.stop()
      ask.context.cancellation.remove(withCall)
    }
    answer.identify(`sim-${ask.context.requestId}`, ask.model)
    player.start(firstAfter)
  })
}

type Step = (answer: ChatReply) => void

interface Script {
  readonly steps: readonly Step[]
  /** Whether `max_tokens` ended it. */
  readonly isShort: boolean
}

function scriptFor(ask: Ask<ChatRequest>): Script {
  switch (ask.model) {
    case 'echo':
    case 'slow':
      return speak(lastText(ask.request), ask.request.maxTokens)
    case 'cut': {
      const { steps } = speak(lastText(ask.request), ask.request.maxTokens)
      const half = steps.slice(0, Math.ceil(steps.length / 2))
      return { steps: [...half, (answer) => answer.fail(cutOff(ask))], isShort: false }
    }
    case 'tool':
      return callTool(ask.request)
    default:
      throw new GatewayError('UPSTREAM_MODEL_MISSING', `The simulator has no model ${ask.model}.`, { fallback: true })
  }
}

/** Sends a text word by word. A word is a token: there are at most `maxTokens`. */
function speak(text: string, maxTokens = Number.POSITIVE_INFINITY): Script {
  const words = text.split(/(?<=\s)(?=\S)/)
  const steps = words.slice(0, maxTokens).map(
    (word): Step =>
      (answer) =>
        answer.text(word),
  )
  return { steps, isShort: words.length > maxTokens }
}

/** Calls the first tool, and repeats its result once there is one. */
function callTool(request: ChatRequest): Script {
  const last = request.messages.at(-1)
  if (last?.role === Role.TOOL) return speak(textOf(last), request.maxTokens)
  const [tool] = request.tools
  if (!tool) throw unsupported('tools', 'sim/tool calls the first tool, and there is none.')
  const text = JSON.stringify(sample(tool.parameters ? JSON.parse(tool.parameters) : {}))
  const half = Math.ceil(text.length / 2)
  const steps: Step[] = [
    (answer) => answer.toolCall(0, { name: tool.name, arguments: text.slice(0, half) }),
    (answer) => answer.toolCall(0, { arguments: text.slice(half) }),
  ]
  return { steps, isShort: false }
}

/** A value that matches a plain JSON schema. */
function sample(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return null
  if ('enum' in schema && Array.isArray(schema.enum)) return schema.enum[0]
  const type = 'type' in schema ? schema.type : 'object'
  if (type === 'string') return 'text'
  if (type === 'number' || type === 'integer') return 1
  if (type === 'boolean') return true
  if (type === 'array') return []
  const properties = 'properties' in schema && typeof schema.properties === 'object' ? (schema.properties ?? {}) : {}
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, sample(value)]))
}

function finish(answer: ChatReply, { steps, isShort }: Script, timing: Options, ask: Ask<ChatRequest>): void {
  const usage = usageFrom({
    input: timing.input_tokens ?? promptTokens(ask.request),
    output: timing.output_tokens ?? steps.length,
  })
  if (usage) answer.usage(usage)
  if (isShort) answer.stop(FinishReason.LENGTH, 'length')
  else answer.stop(FinishReason.STOP, 'stop')
  answer.done()
}

/** The model `error-<status>` fails like a vendor with this status. */
function refuseIfToldTo(settings: ProviderSettings, clock: Clock, ask: Ask<AnyRequest>): void {
  const status = /^error-([345]\d\d)$/.exec(ask.model)?.[1]
  if (status) throw refusal(settings, clock, ask, Number(status))
}

/** The error of a reply with this status. */
function refusal(
  { name: provider }: ProviderSettings,
  clock: Clock,
  { model, attempt }: Ask<AnyRequest>,
  status: number,
  error?: VendorError,
): GatewayError {
  attempt.status = status
  const reply = { signs: [], isVendors: true, local: false, headers: {}, now: clock.wall() }
  return failedReply({ ...reply, provider, model, status, error })
}

function lastText(request: ChatRequest): string {
  const last = request.messages.findLast((message) => message.role === Role.USER) ?? request.messages.at(-1)
  return last ? textOf(last) : ''
}

function textOf(message: ChatRequest['messages'][number]): string {
  const texts = message.parts.map((part) => (part.content.case === 'text' ? part.content.value : ''))
  return message.content || texts.join('')
}

function cutOff({ attempt: { provider, model } }: Ask<ChatRequest>): GatewayError {
  return new GatewayError('UPSTREAM_STREAM_TRUNCATED', `${provider}/${model} broke off its answer.`, {
    fallback: true,
    provider,
    model,
  })
}

function timedOut({ attempt: { provider, model }, isShare }: Ask<ChatRequest>): GatewayError {
  return new GatewayError('UPSTREAM_TIMEOUT', `${provider}/${model} did not begin to answer in time.`, {
    provider,
    model,
    ...(isShare && { blame: 'request' as const }),
  })
}
