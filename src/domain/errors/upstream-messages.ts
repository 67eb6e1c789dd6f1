/** Who may read the messages of vendors' errors: nobody, the log at `debug`, or callers too. */
export const upstreamMessageAudiences = ['off', 'log', 'caller'] as const
export type UpstreamMessageAudience = (typeof upstreamMessageAudiences)[number]
