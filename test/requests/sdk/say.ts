import type { RequestName } from '../requests.ts'
import type { RequestWire } from '../wires.ts'

/** What a vendor's own client is given to say what the requests say, as far as it can. */
export type Intents<Params> = Partial<Record<RequestName, Params>>

/** Sends a request with the vendor's own client; undefined where it has no way to say it. */
export type Say = (wire: RequestWire, address: string, request: RequestName) => Promise<unknown> | undefined
