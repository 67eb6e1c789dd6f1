/*
 * Loaded before a gateway that a test starts with `movableTime`: its clock runs as always, or stands still where the
 * address of this module says so, and moves on by as many ms as its parent sends. Timers that fall due on the way fire in
 * their order.
 */
const running = { now: performance.now.bind(performance), wall: Date.now }
const start = { now: running.now(), wall: running.wall() }
const standing = { now: () => start.now, wall: () => start.wall }
const clock = import.meta.url.endsWith('?standing') ? standing : running
const real = { set: setTimeout, clear: clearTimeout }
const waiting = new Set()
let ahead = 0

performance.now = () => clock.now() + ahead
// Whole, as always: it becomes part of ids.
Date.now = () => Math.floor(clock.wall() + ahead)

/** What Node's setTimeout returns, as far as programs use it. */
class Timer {
  #referenced = true
  #handle

  constructor(act, ms) {
    this.act = act
    // As with Node's own: a clock that stands still would never get past what is due at once, again and again.
    this.ms = Math.max(1, ms)
    this.refresh()
  }

  refresh() {
    this.due = performance.now() + this.ms
    return this.arm()
  }

  arm() {
    real.clear(this.#handle)
    this.#handle = real.set(() => this.fire(), Math.max(1, this.due - performance.now()))
    if (!this.#referenced) this.#handle.unref()
    waiting.add(this)
    return this
  }

  fire() {
    this.close()
    this.act()
  }

  close() {
    waiting.delete(this)
    real.clear(this.#handle)
  }

  ref() {
    this.#referenced = true
    this.#handle.ref()
    return this
  }

  unref() {
    this.#referenced = false
    this.#handle.unref()
    return this
  }

  hasRef() {
    return this.#referenced
  }
}

globalThis.setTimeout = (act, ms = 1, ...args) => new Timer(() => act(...args), ms)
globalThis.clearTimeout = (timer) => {
  if (timer instanceof Timer) timer.close()
  else real.clear(timer)
}

async function move(ms) {
  const end = performance.now() + ms
  for (;;) {
    const [next] = [...waiting].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)
    if (!next) break
    ahead += Math.max(0, next.due - performance.now())
    next.fire()
    await new Promise((resolve) => setImmediate(resolve))
  }
  ahead += Math.max(0, end - performance.now())
  for (const timer of [...waiting]) timer.arm()
}

process.on('message', async (ms) => {
  await move(ms)
  process.send('moved')
})
// Threads have no channel: their time runs as always.
process.channel?.unref()
