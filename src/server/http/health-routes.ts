import type { Clock } from '../../domain/clock.ts'
import { hasBody } from './http-rules.ts'
import { leaveBodyUnread } from './node-server.ts'
import { answerText, programHeaders, type Route } from './route.ts'

/** `/healthz`: whether the process runs. `/readyz`: whether calls are taken. */
export function healthRoutes(ready: () => boolean, clock: Clock): readonly Route[] {
  const route = (path: string, isGood: () => boolean): Route => ({
    path,
    headers: programHeaders,
    isOpen: true,
    isForProbes: true,
    serve({ request, response }) {
      if (hasBody(request)) leaveBodyUnread(request, response, clock)
      if (request.method !== 'GET' && request.method !== 'HEAD') answerText(response, 404, 'Not found.')
      else if (isGood()) answerText(response, 200, 'ok')
      else answerText(response, 503, 'not ready')
    },
    refuse: ({ response }) => answerText(response, 401, 'The credential is not valid.'),
  })
  return [route('/healthz', () => true), route('/readyz', ready)]
}
