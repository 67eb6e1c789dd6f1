import { create, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { createCall } from '../../../src/domain/calls/facts.ts'
import type { Ask, Provider } from '../../../src/domain/ports/provider.ts'
import { finishEvent, textEvent } from '../../../src/domain/streams/events.ts'
import { foldChat } from '../../../src/domain/streams/fold.ts'
import { streamOf } from '../../../src/domain/streams/stream-of.ts'
import {
  BatchChatRequestSchema,
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  FinishReason,
  Role,
} from '../../../src/domain/types.ts'
import { ConcurrencyGate } from '../../../src/policies/admission/concurrency-gate.ts'
import { createBatchChat } from '../../../src/service/batch/batch-chat.ts'
import { callerNamed } from '../../support/caller.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { createTestGateway, testContext } from '../../support/test-gateway.ts'

/* A batch of 1,000 beside single calls, through the whole pipeline: the places of a provider and of the process are few. */

const PLACES = 4
const ITEMS = 1_000
/** Of each call at the vendor, in ms. */
const DURATION = 100
/** A single call comes each so many ms, now by the batch's own caller, now by another one. */
const EVERY = 170

/** A vendor that answers each request after the same time, and remembers what was begun when. */
class SteadyVendor {
  readonly begun: { readonly text: string; readonly at: number }[] = []
  readonly provider: Provider
  active = 0
  peak = 0

  constructor(clock: FakeClock) {
    const chat = ({ request, context, attempt }: Ask<ChatRequest>) => {
      this.begun.push({ text: request.messages[0]?.content ?? '', at: clock.now() })
      this.peak = Math.max(this.peak, ++this.active)
      return new Promise((resolve) => {
        clock.alarm(DURATION, () => {
          this.active--
          context.record.succeed(attempt)
          const finish = finishEvent({ finishReason: FinishReason.STOP, rawFinishReason: '' })
          resolve(streamOf<ChatEvent>(context.cancellation, [textEvent('fine'), finish]))
        })
      })
    }
    const facts = { name: 'vendor', kind: 'test', baseUrl: '', keyIds: [], capabilities: [], chat }
    // The pipeline asks a provider for nothing else.
    this.provider = { ...facts, catalogue: () => ['m'], describe: () => ({}) } as unknown as Provider
  }
}

const asking = (text: string) => ({ model: 'vendor/m', messages: [{ role: Role.USER, content: text }] })

test('a single call waits for the rest of one item of a batch at most, and no item goes before it', async () => {
  const clock = new FakeClock()
  const vendor = new SteadyVendor(clock)
  const gate = () => new ConcurrencyGate({ clock, limit: PLACES, queue: 10 })
  const authenticator = {
    identify: ({ credential = '' }: { credential: string | undefined }) => callerNamed(credential),
  }
  const gates = { providers: new Map([['vendor', gate()]]), process: gate() }
  const gateway = createTestGateway(clock, [vendor.provider], { authenticator, gates })
  const batchChat = createBatchChat({
    chat: gateway.chat,
    clock,
    authenticator,
    parallel: 2 * PLACES,
    parallelPerCaller: 2 * PLACES,
    maxItemDuration: 1e9,
    maxResultBytes: 10_000,
    report() {},
  })

  const request = create(BatchChatRequestSchema, {
    requests: Array.from({ length: ITEMS }, (_, index) => asking(`item ${index}`)),
  })
  const deadline = clock.now() + 1e9
  const requestBytes = toBinary(BatchChatRequestSchema, request)
  const results = await batchChat(request, testContext(clock, { credential: 'batcher', deadline, requestBytes }))
  const outcomes: (string | undefined)[] = []
  let isOver = false
  results.read({
    event: ({ result }) => outcomes.push(result.case) > 0,
    end: () => {
      isOver = true
    },
  })

  const singles: { readonly name: string; readonly at: number; readonly before: number }[] = []
  while (!isOver) {
    await clock.advance(EVERY)
    const name = `single ${singles.length}`
    singles.push({ name, at: clock.now(), before: vendor.begun.length })
    const credential = singles.length % 2 === 0 ? 'batcher' : 'web'
    const context = testContext(clock, { credential, deadline })
    void gateway.chat(createCall('chat', create(ChatRequestSchema, asking(name)), context)).then(foldChat)
  }
  await clock.advance(2 * DURATION)

  expect(outcomes).toEqual(Array.from({ length: ITEMS }, () => 'response'))
  expect(singles.length).toBeGreaterThan(100)
  expect(vendor.peak).toBe(PLACES)
  for (const { name, at, before } of singles) {
    const index = vendor.begun.findIndex(({ text }) => text === name)
    expect((vendor.begun[index]?.at ?? Number.NaN) - at, `wait of ${name}`).toBeLessThanOrEqual(DURATION)
    expect(index, `what was begun before ${name}, since it came`).toBe(before)
  }
})
