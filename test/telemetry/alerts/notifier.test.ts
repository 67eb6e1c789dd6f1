import { expect, test } from 'vitest'
import { BreakerState } from '../../../src/domain/types.ts'
import { alertWorld, levelOf, MemoryAlertBook, TestReceiver } from '../../support/alert-world.ts'

const MINUTE = 60_000
const HOUR = 3_600_000

const open = { provider: 'one', model: 'small', state: BreakerState.OPEN, coolDown: 1_000 }
const closed = { ...open, state: BreakerState.CLOSED, coolDown: 0 }

test('a threshold is reported once in a window, however often it is passed', async () => {
  const { clock, gateway } = alertWorld()
  const receiver = new TestReceiver()
  const { events } = gateway([receiver])
  const level = levelOf(1.7, clock)
  for (let call = 0; call < 100; call++) events.budgetThreshold({ ...level, threshold: 0.8 })
  await clock.advance(MINUTE)
  expect(receiver.texts).toEqual(['budget_threshold web/ann 0.8'])
  events.budgetThreshold({ ...level, subject: 'web/bob', threshold: 0.8 })
  events.budgetThreshold({ ...levelOf(1.7, clock, { windowStart: clock.wall() }), threshold: 0.8 })
  await clock.advance(MINUTE)
  expect(receiver.texts).toEqual([
    'budget_threshold web/ann 0.8',
    'budget_threshold web/bob 0.8',
    'budget_threshold web/ann 0.8',
  ])
})

test('a budget without windows is reported once', async () => {
  const { clock, gateway } = alertWorld()
  const book = new MemoryAlertBook(clock)
  const receivers = [new TestReceiver(), new TestReceiver()]
  const level = levelOf(2, clock, { window: 'total', windowStart: 0, resetsAt: undefined })
  for (const receiver of receivers) {
    const { events } = gateway([receiver], book)
    for (let call = 0; call < 10; call++) events.budgetExceeded(level)
    await clock.advance(48 * HOUR)
    events.budgetExceeded(level)
  }
  await clock.advance(MINUTE)
  expect(receivers.map(({ texts }) => texts.length)).toEqual([1, 0])
})

test('when several thresholds are reached at once, only the highest is reported, by every gateway', async () => {
  const { clock, gateway } = alertWorld()
  const book = new MemoryAlertBook(clock)
  const receivers = [new TestReceiver(), new TestReceiver()]
  const [first, second] = receivers.map((receiver) => gateway([receiver], book))
  const level = levelOf(1.9, clock)
  first?.events.budgetThreshold({ ...level, threshold: 0.8 })
  await clock.advance(10)
  // The second one is behind, and sees less.
  second?.events.budgetThreshold({ ...level, threshold: 0.5 })
  first?.events.budgetThreshold({ ...level, threshold: 0.5 })
  await clock.advance(MINUTE)
  expect(receivers.flatMap(({ texts }) => texts)).toEqual(['budget_threshold web/ann 0.8'])
  second?.events.budgetThreshold({ ...level, threshold: 1 })
  await clock.advance(MINUTE)
  expect(receivers.map(({ texts }) => texts.length)).toEqual([1, 1])
})

test('gateways that share a book send one alert, of the same id whoever sends it', async () => {
  const { clock, gateway } = alertWorld()
  const book = new MemoryAlertBook(clock)
  const receivers = [1, 2, 3].map(() => new TestReceiver())
  const level = levelOf(2, clock)
  const gateways = receivers.map((receiver) => gateway([receiver], book))
  for (const { events } of gateways) events.budgetExceeded(level)
  await clock.advance(MINUTE)
  const sent = receivers.flatMap(({ notices }) => notices)
  expect(sent).toHaveLength(1)

  const alone = new TestReceiver()
  gateway([alone]).events.budgetExceeded(level)
  await clock.advance(MINUTE)
  expect(alone.notices[0]?.alert.id).toBe(sent[0]?.alert.id)
})

test('gateways send one each while the book cannot be used', async () => {
  const { clock, gateway } = alertWorld()
  const book = new MemoryAlertBook(clock)
  book.available = false
  const receivers = [new TestReceiver(), new TestReceiver()]
  for (const receiver of receivers) gateway([receiver], book).events.budgetExceeded(levelOf(2, clock))
  await clock.advance(MINUTE)
  expect(receivers.map(({ texts }) => texts)).toEqual([['budget_exceeded web/ann 1'], ['budget_exceeded web/ann 1']])
})

test('what a gateway claimed and did not send is sent by another one, with the same id', async () => {
  const { clock, gateway } = alertWorld()
  const book = new MemoryAlertBook(clock)
  const hanging = new TestReceiver()
  hanging.answer = () => new Promise(() => {})
  const first = gateway([hanging], book)
  first.events.budgetExceeded(levelOf(2, clock))
  await clock.advance(MINUTE)
  const receiver = new TestReceiver()
  gateway([receiver], book)
  await clock.advance(MINUTE)
  expect(receiver.texts).toEqual([])

  // It ends, and no longer says that it is at work.
  const ended = first.notifier.close(0)
  await clock.advance(20_000)
  await ended
  expect(receiver.texts).toEqual(['budget_exceeded web/ann 1'])
  expect(receiver.notices[0]?.alert).toEqual(hanging.notices[0]?.alert)
  expect(book.pending).toEqual([])
})

test('an alert of a receiver that is no longer configured is given up, and one of another version as well', async () => {
  const { clock, gateway } = alertWorld()
  const book = new MemoryAlertBook(clock)
  await book.claimAlert({ key: 'a', id: 'a', body: '{"receiver":"pager","alert":{}}', expiresAt: clock.wall() + HOUR })
  await book.claimAlert({ key: 'b', id: 'b', body: 'none of ours', expiresAt: clock.wall() + HOUR })
  await clock.advance(10_000)
  const receiver = new TestReceiver()
  gateway([receiver], book)
  await clock.advance(10)
  expect(receiver.texts).toEqual([])
  expect(book.pending).toEqual([])
})

test('an alert that was sent while the book was away is not sent again', async () => {
  const { clock, gateway } = alertWorld()
  const book = new MemoryAlertBook(clock)
  const receiver = new TestReceiver()
  receiver.answer = async () => {
    book.available = false
    return { ok: true, message: '' }
  }
  gateway([receiver], book).events.budgetExceeded(levelOf(2, clock))
  await clock.advance(MINUTE)
  book.available = true
  await clock.advance(MINUTE)
  expect(receiver.notices).toHaveLength(1)
  expect(book.pending).toEqual([])
})

test('a state that comes and goes is one alert, which is over once it has been over for five minutes', async () => {
  const { clock, gateway } = alertWorld()
  const [simple, pager] = [new TestReceiver(), new TestReceiver({ name: 'pager', takesResolved: true })]
  const { events } = gateway([simple, pager], new MemoryAlertBook(clock))
  for (let time = 0; time < 10; time++) {
    events.breakerChanged(open)
    await clock.advance(MINUTE)
    events.breakerChanged(closed)
    await clock.advance(MINUTE)
  }
  expect(pager.texts).toEqual(['breaker_open one/small'])
  await clock.advance(6 * MINUTE)
  expect(pager.texts).toEqual(['breaker_open one/small', 'breaker_open one/small over'])
  expect(pager.notices[1]?.alert.id).toBe(pager.notices[0]?.alert.id)

  events.breakerChanged(open)
  await clock.advance(MINUTE)
  expect(simple.texts).toEqual(['breaker_open one/small', 'breaker_open one/small'])
  expect(simple.notices[1]?.alert.id).not.toBe(simple.notices[0]?.alert.id)
})

test('a state that lasts for days is one alert, and one more after the gateway that had sent it has ended', async () => {
  const { clock, gateway } = alertWorld()
  const book = new MemoryAlertBook(clock)
  const receivers = [new TestReceiver({ takesResolved: true }), new TestReceiver({ takesResolved: true })]
  const [first, second] = receivers.map((receiver) => gateway([receiver], book))
  first?.events.breakerChanged(open)
  second?.events.breakerChanged(open)
  await clock.advance(48 * HOUR)
  expect(receivers.map(({ texts }) => texts)).toEqual([['breaker_open one/small'], []])
  await first?.notifier.close(0)
  await clock.advance(2 * HOUR)
  expect(receivers[1]?.texts).toEqual(['breaker_open one/small'])
})

test('an alert that lasts is repeated each minute where that is needed, and over at the end of its window', async () => {
  const { clock, gateway } = alertWorld()
  const manager = new TestReceiver({ name: 'alertmanager', takesResolved: true, needsRepeats: true })
  const { events } = gateway([manager], new MemoryAlertBook(clock))
  events.budgetExceeded(levelOf(2, clock, { resetsAt: clock.wall() + 3 * MINUTE }))
  await clock.advance(10 * MINUTE)
  const text = 'budget_exceeded web/ann 1'
  expect(manager.texts).toEqual([text, text, text, `${text} over`])
})

test('a receiver gets the events that it asks for', async () => {
  const { clock, gateway } = alertWorld()
  const receiver = new TestReceiver({ events: ['breaker_open'] })
  const { events, notifier } = gateway([receiver])
  events.budgetExceeded(levelOf(2, clock))
  events.breakerChanged(open)
  await clock.advance(10)
  expect(receiver.texts).toEqual(['breaker_open one/small'])
  expect(await notifier.test()).toEqual([{ receiver: 'test', ok: true, message: 'taken' }])
})

test('a receiver that fails holds up no other one, and each failure is a line and a count', async () => {
  const { clock, gateway, lines, counts } = alertWorld()
  const [broken, fine] = [new TestReceiver({ name: 'broken' }), new TestReceiver({ name: 'fine' })]
  broken.answer = { ok: false, message: 'HTTP 500' }
  const { events } = gateway([broken, fine])
  events.breakerChanged(open)
  await clock.advance(1_000)
  expect(fine.texts).toEqual(['breaker_open one/small'])
  expect(lines).toEqual(['an alert could not be sent yet', 'an alert could not be sent yet'])
  expect(counts).toEqual({ 'breaker_open broken failed': 2, 'breaker_open fine sent': 1 })
})

test('what finds no space is dropped without a book, and stays pending with one', async () => {
  const { clock, gateway, counts } = alertWorld()
  const hanging = () => {
    const receiver = new TestReceiver()
    receiver.answer = () => new Promise(() => {})
    return receiver
  }
  const alone = gateway([hanging()])
  for (let user = 0; user < 1_010; user++) alone.events.budgetExceeded(levelOf(2, clock, { subject: `web/${user}` }))
  await clock.advance(1)
  expect(counts).toEqual({ 'budget_exceeded test dropped': 10 })

  const book = new MemoryAlertBook(clock)
  const { events } = gateway([hanging()], book)
  for (let user = 0; user < 1_010; user++) events.budgetExceeded(levelOf(2, clock, { subject: `web/${user}` }))
  await clock.advance(1)
  expect(book.pending).toHaveLength(1_010)
  expect(counts).toEqual({ 'budget_exceeded test dropped': 10 })
})

test('an idle notifier has no timers', async () => {
  const { clock, gateway } = alertWorld()
  const { notifier } = gateway([new TestReceiver()])
  expect(clock.waiting).toBe(0)
  await notifier.close(2_000)
})
