import { defineScript } from '../redis/redis-store.ts'

/*
 * KEYS: the call's record, then for each quota its counts and the leases of the calls under way. All times come from
 * Redis, because the clocks of gateways differ.
 */

/**
 * Counts a call once, even if the reply is lost: the reply is stored under the call's id.
 *
 * ARGV: the call's id, the lease in ms, the tokens that it may use, whether limits are enforced (1 or 0); then for each
 * quota its window in ms, the limits of requests, tokens and concurrent calls, 0 for none, the tokens that its holder may
 * take from others, and the holder, empty where callers do not share it.
 *
 * Counts have the tokens that each holder's running calls have reserved, as h:<holder>, and as excess what all holders
 * hold beyond their shares: only that of the call's own holder counts.
 * Reply: the time; the number of the quota that is reached, from 1, or 0; its limit that is reached, or -; whether the
 * call was counted; then for each quota start:requests:tokens:active:reserved.
 */
export const reserveScript = defineScript(`
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id, lease, tokens, enforced = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local quotas, reached, kind, longest = {}, 0, '-', lease
for i = 1, (#KEYS - 1) / 2 do
  local at = 6 * i - 2
  local q = { counts = KEYS[2 * i], leases = KEYS[2 * i + 1], window = tonumber(ARGV[at + 1]) }
  local requests, most, places = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  q.share, q.holder = tonumber(ARGV[at + 5]), ARGV[at + 6]
  local found = redis.call('HMGET', q.counts, 'start', 'requests', 'tokens', 'excess', 'h:' .. q.holder)
  q.start, q.requests, q.tokens = tonumber(found[1]), tonumber(found[2]) or 0, tonumber(found[3]) or 0
  q.excess, q.held = tonumber(found[4]) or 0, tonumber(found[5]) or 0
  if not q.start or now >= q.start + q.window or now < q.start then
    q.start, q.requests, q.tokens, q.excess, q.held, q.fresh = now, 0, 0, 0, 0, true
  end
  q.others = q.excess - math.max(0, q.held - q.share)
  q.active, q.limited = 0, places > 0
  if q.limited then
    redis.call('ZREMRANGEBYSCORE', q.leases, '-inf', now)
    q.active = redis.call('ZCARD', q.leases)
  end
  q.reserved = math.min(tokens, q.share)
  if reached == 0 then
    if requests > 0 and q.requests >= requests then reached, kind = i, 'requests'
    elseif most > 0 and q.tokens - q.others + q.reserved > most then reached, kind = i, 'tokens'
    elseif places > 0 and q.active >= places then reached, kind = i, 'concurrent' end
  end
  longest = math.max(longest, q.window)
  quotas[i] = q
end
local counted = reached == 0 or not enforced
local reply = { string.format('%.0f %d %s %d', now, reached, kind, counted and 1 or 0) }
for i, q in ipairs(quotas) do
  if counted then
    q.requests, q.tokens = q.requests + 1, q.tokens + q.reserved
    if q.fresh then redis.call('DEL', q.counts) end
    redis.call('HSET', q.counts, 'start', q.start, 'requests', q.requests, 'tokens', q.tokens)
    if q.holder ~= '' and q.reserved > 0 then
      local held = q.held + q.reserved
      redis.call('HSET', q.counts, 'h:' .. q.holder, held, 'excess', q.others + math.max(0, held - q.share))
    end
    redis.call('PEXPIREAT', q.counts, q.start + q.window)
    if q.limited then
      q.active = q.active + 1
      redis.call('ZADD', q.leases, now + lease, id)
      redis.call('PEXPIRE', q.leases, lease)
    end
  end
  reply[i + 1] = string.format('%.0f:%.0f:%.0f:%d:%.0f', q.start, q.requests, q.tokens - q.others, q.active, q.reserved)
end
local text = table.concat(reply, ' ')
redis.call('SET', KEYS[1], text, 'PX', longest)
return text
`)

/**
 * Returns a call's unused tokens and its places, once. ARGV: the call's id, the tokens that it used or -1, then for each
 * quota the tokens that its holder may take from others, and the holder.
 */
export const settleScript = defineScript(`
local id, used = ARGV[1], tonumber(ARGV[2])
for i = 1, (#KEYS - 1) / 2 do redis.call('ZREM', KEYS[2 * i + 1], id) end
local kept = redis.call('GET', KEYS[1])
if not kept or kept == 'settled' then return 0 end
redis.call('SET', KEYS[1], 'settled', 'KEEPTTL')
if not string.find(kept, '^%d+ %d+ [%a-]+ 1 ') then return 0 end
local i = 0
for start, reserved in string.gmatch(kept, '(%d+):%d+:%d+:%d+:(%d+)') do
  i = i + 1
  -- The counts of a past window no longer matter.
  local counts, share, field = KEYS[2 * i], tonumber(ARGV[2 * i + 1]), 'h:' .. ARGV[2 * i + 2]
  reserved = tonumber(reserved)
  if reserved > 0 and redis.call('HGET', counts, 'start') == start then
    if used >= 0 then redis.call('HINCRBY', counts, 'tokens', used - reserved) end
    local held = tonumber(redis.call('HGET', counts, field)) or 0
    if held > 0 then
      local left = math.max(0, held - reserved)
      local excess = math.max(0, held - share) - math.max(0, left - share)
      if left > 0 then redis.call('HSET', counts, field, left) else redis.call('HDEL', counts, field) end
      if excess > 0 then redis.call('HINCRBY', counts, 'excess', -excess) end
    end
  end
end
return 1
`)

/** Renews leases. KEYS: leases. ARGV: the lease in ms, then for each key the id of a call under way. */
export const renewScript = defineScript(`
local time = redis.call('TIME')
local till = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, till, ARGV[i + 1])
  redis.call('PEXPIRE', key, ARGV[1])
end
`)
