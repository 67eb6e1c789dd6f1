import { expect, it, test } from 'vitest'
import { failedReply } from '../../../src/providers/failures/failed-reply.ts'
import { statedSizes } from '../../../src/providers/failures/stated-sizes.ts'

test.each([
  ["This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.", 8192, 9001],
  [
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion).",
    4096,
    4000,
  ],
  [
    "This model's maximum context length is 2048 tokens. However, your request has 1800 input tokens plus 512 'max_tokens'.",
    2048,
    1800,
  ],
  ["This model's maximum prompt length is 131072 but the request contains 140000 tokens.", 131_072, 140_000],
  ['The decoder prompt (length 9001) is longer than the maximum model length of 8192.', 8192, 9001],
  ['prompt is too long: 210000 tokens > 200000 maximum', 200_000, 210_000],
  [
    'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease one of them',
    200_000,
    190_000,
  ],
  ['The input token count (12) exceeds the maximum number of tokens allowed (9).', 9, 12],
  ['The input token count is 1200000 but model only supports up to 1048576.', 1_048_576, 1_200_000],
  [
    'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    32_768,
    40_000,
  ],
  ['request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it', 4096, 5000],
  ['greater than the context length (n_keep: 5000>= n_ctx: 4096).', 4096, undefined],
  ['`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens', 4097, 5000],
  ['Input validation error: `inputs` must have less than 4096 tokens. Given: 5000', 4096, 5000],
  ['Context size has been exceeded.', undefined, undefined],
  ['"maximum context length is 1" is what the request says', undefined, undefined],
])('a vendor says: %s', (message, window, input) => {
  expect(statedSizes(message)).toEqual({ ...(window && { window }), ...(input && { input }) })
})

it('the error of a conversation that is too long has what the vendor said', () => {
  const reply = { provider: 'p', model: 'm', local: false, headers: {}, signs: [], isVendors: true, now: 0 }
  const message = 'prompt is too long: 210000 tokens > 200000 maximum'
  const error = failedReply({ ...reply, status: 400, error: { message } })
  expect(error).toMatchObject({
    reason: 'CONTEXT_LENGTH_EXCEEDED',
    facts: { sizes: { window: 200_000, input: 210_000 } },
  })
  expect(failedReply({ ...reply, status: 400, error: { message: 'no' } }).facts.sizes).toBeUndefined()
})
