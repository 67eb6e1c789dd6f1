import { randomFrom } from '../../support/random.ts'

/** Prices of the models, in USD for a million tokens. */
export const PRICE = { input: 3, output: 15 } as const

/** A kind of traffic. */
export interface World {
  readonly name: string
  /** Mean number of calls under way if none is refused. */
  readonly atOnce: number
  readonly maxTokens: number
  /** Mean tokens, and the spread of their logarithm. */
  readonly prompt: Lognormal
  readonly answer: Lognormal
  /** Time to the first token, in ms of a usual vendor. */
  readonly firstToken: number
  /** How much faster than a usual vendor responses are generated, and calls arrive. */
  readonly speed: number
}

interface Lognormal {
  readonly mean: number
  readonly sigma: number
}

/** A call. */
export interface Arrival {
  /** In ms after the first one. */
  readonly at: number
  readonly input: number
  /** Tokens of the response if nothing bounds it. */
  readonly output: number
}

/** Of a usual vendor, in ms. */
export const TOKEN_TIME = 20

export const chat: World = {
  name: 'chat',
  atOnce: 40,
  maxTokens: 4_096,
  prompt: { mean: 1_000, sigma: 1 },
  answer: { mean: 400, sigma: 0.9 },
  firstToken: 500,
  speed: 15,
}

export const agent: World = {
  name: 'agent',
  atOnce: 20,
  maxTokens: 32_000,
  prompt: { mean: 30_000, sigma: 0.5 },
  answer: { mean: 600, sigma: 1 },
  firstToken: 2_000,
  speed: 6,
}

/** In USD. */
export function costOf(input: number, output: number): number {
  return (input * PRICE.input + output * PRICE.output) / 1e6
}

/** Cost of the calls under way at once, in USD. */
export function inFlight({ atOnce, prompt, answer }: World): number {
  return atOnce * costOf(prompt.mean, answer.mean)
}

/** How long a call of so many output tokens takes, in ms. */
export function duration({ firstToken, speed }: World, output: number): number {
  return (firstToken + output * TOKEN_TIME) / speed
}

/** Poisson arrivals of calls that together cost so much, in USD. The same in every run. */
export function arrivals(world: World, cost: number, seed: number): readonly Arrival[] {
  const { atOnce, maxTokens, prompt, answer } = world
  const below = randomFrom(seed)
  const uniform = () => (below(2 ** 31) + 1) / 2 ** 31
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  const tokens = ({ mean, sigma }: Lognormal) => Math.ceil(mean * Math.exp(sigma * normal() - sigma ** 2 / 2))
  const gap = duration(world, answer.mean) / atOnce
  const calls: Arrival[] = []
  let at = 0
  for (let sum = 0; sum < cost; ) {
    const input = Math.max(8, tokens(prompt))
    const output = Math.min(maxTokens, tokens(answer))
    calls.push({ at, input, output })
    sum += costOf(input, output)
    at += gap * -Math.log(uniform())
  }
  return calls
}
