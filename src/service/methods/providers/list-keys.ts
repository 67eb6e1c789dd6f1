import type { KeyStatus, KeyState as StateName } from '../../../domain/ports/keys.ts'
import type { Provider } from '../../../domain/ports/provider.ts'
import { type KeyInfo, KeyState, type ListKeysRequest, type ListKeysResponse } from '../../../domain/types.ts'
import { timestamp } from '../timestamp.ts'
import { findProvider } from './find-provider.ts'

const states: Readonly<Record<StateName, KeyState>> = {
  available: KeyState.AVAILABLE,
  cooling: KeyState.COOLING,
  quarantined: KeyState.QUARANTINED,
}

/** Lists the keys of all providers or of one. Throws PROVIDER_NOT_FOUND. */
export function listKeys(providers: readonly Provider[], { provider }: ListKeysRequest): ListKeysResponse {
  const asked = provider === '' ? providers : [findProvider(providers, provider)]
  return {
    $typeName: 'llmgateway.v1.ListKeysResponse',
    keys: asked.flatMap(({ name, keys }) => (keys?.list() ?? []).map((key) => toMessage(name, key))),
  }
}

function toMessage(provider: string, key: KeyStatus): KeyInfo {
  return {
    $typeName: 'llmgateway.v1.KeyInfo',
    provider,
    keyId: key.keyId,
    state: states[key.state],
    reason: key.reason,
    ...(key.probeAt !== undefined && { nextProbe: timestamp(key.probeAt) }),
    cooling: key.cooling.map(({ model, until, reason }) => ({
      $typeName: 'llmgateway.v1.CoolingModel',
      model,
      until: timestamp(until),
      reason,
    })),
    requests: BigInt(key.requests),
    errors: BigInt(key.errors),
    active: key.active,
    ...(key.lastUsed !== undefined && { lastUsed: timestamp(key.lastUsed) }),
    successRate: key.successRate,
  }
}
