import type { DescMessage } from '@bufbuild/protobuf'
import { type CheckJson, jsonCheck } from './check-json.ts'
import { type CheckProto, protoCheck } from './check-proto.ts'

/** The checks of a request before it is decoded, in both encodings. */
export interface RequestCheck {
  readonly proto: CheckProto
  readonly json: CheckJson
}

/** Makes the checks of each message once. */
export function requestChecks(): (desc: DescMessage) => RequestCheck {
  const made = new Map<DescMessage, RequestCheck>()
  return (desc) => {
    const known = made.get(desc)
    if (known) return known
    const check = { proto: protoCheck(desc), json: jsonCheck(desc) }
    made.set(desc, check)
    return check
  }
}
