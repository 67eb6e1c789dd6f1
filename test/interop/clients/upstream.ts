import assert from 'node:assert/strict'
import { FinishReason, Role } from '../../../src/domain/types.ts'
import { chat, streamChat } from '../../support/client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { check } from './checks.ts'

/** What the servers behind the gateway answer to every question. */
export const SAID = 'A mocked answer in several words.'

/** A gateway before a server that other people wrote. */
export interface Upstream {
  readonly gateway: RunningGateway
  readonly client: GrpcClient
}

export async function connectTo(providers: string, env: Readonly<Record<string, string>>): Promise<Upstream> {
  const gateway = await startGateway({ yaml: `auth: none\nproviders:\n${providers}`, env })
  return { gateway, client: new GrpcClient(gateway.grpc) }
}

export async function disconnect({ gateway, client }: Upstream): Promise<void> {
  client.close()
  await gateway.close()
}

export function ask(provider: string, more: object = {}) {
  return { provider, messages: [{ role: Role.USER, content: 'Hello.' }], ...more }
}

/** Checks that the server's text arrives, whole. */
export function checkChat({ client }: Upstream, provider: string): Promise<void> {
  return check(`${provider}: Chat`, async () => {
    const { value, error } = await chat(client, ask(provider))
    assert.equal(error, undefined)
    assert.equal(value?.message?.content, SAID)
    assert.equal(value?.finishReason, FinishReason.STOP)
  })
}

/** The same, in pieces. */
export function checkStreamChat({ client }: Upstream, provider: string): Promise<void> {
  return check(`${provider}: StreamChat`, async () => {
    const { text, cases, error } = await streamChat(client, ask(provider))
    assert.equal(error, undefined)
    assert.equal(text, SAID)
    assert.equal(cases.at(-1), 'finish')
  })
}
