import type { Timeouts } from '../../domain/calls/call.ts'
import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Cancellation } from '../../domain/cancellation.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { WholeBody } from './body/body-reader.ts'
import type { Connection, OutgoingRequest } from './connection.ts'
import type { HttpHeaders } from './http-client.ts'
import { UpstreamCall } from './upstream-call.ts'

export interface FetchOptions {
  /** For messages. */
  readonly model: string
  /** Limit for the whole request, in ms. */
  readonly timeout: number
  /** Override those of the provider. */
  readonly timeouts?: Partial<Timeouts> | undefined
  readonly cancellation: Cancellation
  /** Learns how far the request comes. */
  readonly attempt?: Pick<AttemptRecord, 'sent' | 'status'>
  /** Caller that asks; none for requests of the gateway itself. */
  readonly holder?: string
  /** User among its users. */
  readonly part?: string
}

/** One upstream call whose reply is one JSON body. */
export function fetchJson(
  connection: Connection,
  request: OutgoingRequest,
  { model, timeout, timeouts, cancellation, attempt, holder = '', part }: FetchOptions,
): Promise<{ body: unknown; headers: HttpHeaders }> {
  const { settings, upstream, clock, replies } = connection
  return new Promise((resolve, reject) => {
    const upstreamCall = new UpstreamCall(
      {
        upstream,
        request,
        clock,
        replies,
        holder,
        part,
        attempt,
        provider: settings.name,
        assumed: settings.assumed ?? false,
        model,
        streamed: false,
        timeouts: timeouts ? { ...settings.timeout, ...timeouts } : settings.timeout,
        firstEventBy: clock.now() + timeout,
      },
      {
        accept(headers) {
          if (attempt) attempt.status = 200
          return new WholeBody(
            (body) => {
              cancellation.remove(withCall)
              resolve({ body, headers })
            },
            () => connection.malformed(model),
          )
        },
        refuse(status, headers, body) {
          if (attempt) attempt.status = status
          cancellation.remove(withCall)
          reject(connection.refusal(model, status, headers, body))
        },
        fail(error) {
          cancellation.remove(withCall)
          reject(error)
        },
      },
    )
    const withCall = {
      cancel(reason: GatewayError) {
        upstreamCall.cancel()
        reject(reason)
      },
    }
    cancellation.add(withCall)
    upstreamCall.send()
  })
}
