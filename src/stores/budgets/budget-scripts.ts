import { defineScript } from '../redis/redis-store.ts'

/*
 * Sums of budgets that several gateways share. One hash for each budget, subject and window:
 *   s:<gateway>  what the gateway has spent, a total that it sets and never adds to, so that repeating it is harmless
 *   r:<gateway>  what its running attempts have reserved
 *   b            what was spent before the hash was made, as the ledger says
 *   a            what operators added to the limit
 * A hash of open attempts for each gateway makes every step idempotent, and one hash has the lease of each gateway: what
 * an ended gateway had reserved is counted as spent when its lease has passed. All keys have one hash tag.
 *
 * KEYS: epoch, leases, the gateway's open attempts, then the budgets. Money is in nano-dollars, integers below 2^53.
 */

const SUM = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me = ARGV[1]
local leases = {}
local flat = redis.call('HGETALL', KEYS[2])
for i = 1, #flat, 2 do leases[flat[i]] = tonumber(flat[i + 1]) end
local function text(n) return string.format('%.0f', n) end
local function sum(key)
  local spent, reserved, added = 0, 0, 0
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local field, value = fields[i], tonumber(fields[i + 1])
    local kind, who = string.sub(field, 1, 1), string.sub(field, 3)
    if kind == 'r' and who ~= me and value ~= 0 and (leases[who] or 0) < now then
      redis.call('HINCRBY', key, 's:' .. who, text(value))
      redis.call('HSET', key, field, '0')
      spent = spent + value
    elseif kind == 'r' then reserved = reserved + value
    elseif kind == 'a' then added = value
    else spent = spent + value end
  end
  return spent, reserved, added
end
local function atLeast(key, field, value)
  local known = tonumber(redis.call('HGET', key, field)) or 0
  if tonumber(value) > known then redis.call('HSET', key, field, value) end
end
`

/**
 * Reserves an amount for an attempt, or more for one that has reserved before. ARGV: the gateway, the epoch that it knows,
 * the attempt, the number of the step, the amount, the least amount; then for each budget its limit, what it is asked
 * (0: count, 1: all of the amount and bound, 2: the least and bound, 3: bound by what is left, 4: all of the amount), what the gateway has spent, what was spent before, and
 * when the hash may be forgotten in ms, or 0.
 * Reply: "epoch"; or the amount that is reserved or -1, the budget that bears least from 1 or 0, and for each budget
 * spent:reserved:added, without this step.
 */
export const reserveBudgetsScript = defineScript(`${SUM}
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 'epoch' end
local id, step, amount = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local kept = redis.call('HGET', KEYS[3], id)
if kept then
  local done, reply = string.match(kept, '^(%d+) %d+ (.*)$')
  if tonumber(done) >= step then return reply end
end
local least, refused, tight, parts = tonumber(ARGV[6]), 0, 0, {}
local granted, room = amount, math.huge
for i = 4, #KEYS do
  local at = 7 + (i - 4) * 5
  if redis.call('EXISTS', KEYS[i]) == 0 then redis.call('HSET', KEYS[i], 'b', ARGV[at + 3]) end
  atLeast(KEYS[i], 's:' .. me, ARGV[at + 2])
  if ARGV[at + 4] ~= '0' then redis.call('PEXPIREAT', KEYS[i], ARGV[at + 4]) end
  local spent, reserved, added = sum(KEYS[i])
  local left, asked = tonumber(ARGV[at]) + added - spent - reserved, ARGV[at + 1]
  if refused == 0 and (((asked == '1' or asked == '4') and left < amount) or (asked == '2' and left < least)) then refused = i - 3 end
  if asked ~= '0' and asked ~= '4' and left < room then room, tight = left, i - 3 end
  parts[#parts + 1] = text(spent) .. ':' .. text(reserved) .. ':' .. text(added)
end
if refused > 0 then return '-1 ' .. refused .. ' ' .. table.concat(parts, ' ') end
if room < granted then granted = math.max(0, room) end
for i = 4, #KEYS do redis.call('HINCRBY', KEYS[i], 'r:' .. me, text(granted)) end
local before = kept and tonumber(string.match(kept, '^%d+ (%d+)')) or 0
local reply = text(granted) .. ' ' .. tight .. ' ' .. table.concat(parts, ' ')
redis.call('HSET', KEYS[3], id, step .. ' ' .. text(before + granted) .. ' ' .. reply)
redis.call('HSET', KEYS[2], me, text(now + tonumber(ARGV[#ARGV])))
return reply
`)

/** Ends an attempt. ARGV: the gateway, the attempt, then for each budget what the gateway has spent. */
export const settleBudgetsScript = defineScript(`${SUM}
local kept = redis.call('HGET', KEYS[3], ARGV[2])
local amount = kept and tonumber(string.match(kept, '^%d+ (%d+)')) or 0
redis.call('HDEL', KEYS[3], ARGV[2])
for i = 4, #KEYS do
  if amount ~= 0 then redis.call('HINCRBY', KEYS[i], 'r:' .. me, text(-amount)) end
  atLeast(KEYS[i], 's:' .. me, ARGV[i - 1])
end
return 1
`)

/**
 * Sets all that a gateway has spent and reserved, at regular times and after Redis has lost it. ARGV: the gateway, an
 * epoch to begin where there is none, the lease in ms, the number of open attempts, each with its id and amount; then for
 * each budget what it has spent, reserved, what was spent before, and when the hash may be forgotten.
 * Reply: the epoch, whether it was begun now, then for each budget spent:reserved:added.
 */
export const syncBudgetsScript = defineScript(`${SUM}
local begun = redis.call('SET', KEYS[1], ARGV[2], 'NX') and 1 or 0
redis.call('HSET', KEYS[2], me, text(now + tonumber(ARGV[3])))
redis.call('DEL', KEYS[3])
local at = 5
for i = 1, tonumber(ARGV[4]) do
  redis.call('HSET', KEYS[3], ARGV[at], '0 ' .. ARGV[at + 1] .. ' -')
  at = at + 2
end
local parts = {}
for i = 4, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then redis.call('HSET', KEYS[i], 'b', ARGV[at + 2]) end
  atLeast(KEYS[i], 's:' .. me, ARGV[at])
  redis.call('HSET', KEYS[i], 'r:' .. me, ARGV[at + 1])
  if ARGV[at + 3] ~= '0' then redis.call('PEXPIREAT', KEYS[i], ARGV[at + 3]) end
  local spent, reserved, added = sum(KEYS[i])
  parts[#parts + 1] = text(spent) .. ':' .. text(reserved) .. ':' .. text(added)
  at = at + 4
end
return redis.call('GET', KEYS[1]) .. ' ' .. begun .. ' ' .. table.concat(parts, ' ')
`)

/** Adds to a limit. KEYS: the budget. ARGV: the amount. Reply: all that was added. */
export const adjustBudgetScript = defineScript(`return redis.call('HINCRBY', KEYS[1], 'a', ARGV[1])`)
