export interface PostRequest {
  readonly url: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The reply to a request, or why there is none. */
export type PostReply =
  | {
      readonly status: number
      /** The header Retry-After, as it came. */
      readonly retryAfter: string | undefined
      /** The beginning of the body. */
      readonly text: string
    }
  | {
      /** Why no reply came, without the URL. */
      readonly failure: string
    }

/** Sends one POST with a time limit. Redirects are not followed and nothing is repeated. Never rejects. */
export type HttpPost = (request: PostRequest) => Promise<PostReply>
