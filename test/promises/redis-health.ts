import { setTimeout as pause } from 'node:timers/promises'
import { LlmGateway } from '../../src/domain/types.ts'
import type { ServerName } from '../support/client.ts'

/** Between two looks, in ms. */
const PAUSE = 20

/**
 * Waits until a gateway's Health says of Redis that it is well, or is not. Settles with how long that took, in ms;
 * Infinity when it takes longer than `longest`.
 */
export async function redisBecomes(server: ServerName, healthy: boolean, longest: number): Promise<number> {
  const begun = performance.now()
  while (performance.now() - begun < longest) {
    if ((await redisIsWell(server)) === healthy) return performance.now() - begun
    await pause(PAUSE)
  }
  return Number.POSITIVE_INFINITY
}

async function redisIsWell(server: ServerName): Promise<boolean | undefined> {
  const { value } = await server.unary(LlmGateway.method.health, {})
  return value?.components.find(({ name }) => name === 'redis')?.healthy
}
