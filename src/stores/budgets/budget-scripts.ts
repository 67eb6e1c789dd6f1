import { defineScript } from '../redis/redis-store.ts'

/*
 * Sums of budgets that several gateways share. One hash for each budget, subject and window:
 *   s:<gateway>  what the gateway has spent, a total that it sets and never adds to, so that repeating it is harmless
 *   r:<gateway>  what its running attempts have reserved
 *   u:<gateway>  what they had reserved when the gateway was no longer heard of: spent, until it is heard of again
 *   b:<ledger>   what a ledger knows of beyond what its gateways have set here
 *   a:<keeper>   what operators added to the limit, a total, by the ledger that keeps it, or the gateway without one
 * Gateways are named <ledger>.<id>. A hash of open attempts for each gateway makes every step idempotent, and one hash has
 * the lease of each gateway.
 *
 * Redis may lose its data. Each reply has what the others have set, and gateways set that again, too: totals only grow, so
 * that the larger one is right. The epoch names the data; one that replaces lost data says until when, by the clock of
 * Redis, gateways may still have to set what they know. All keys have one hash tag.
 *
 * KEYS: epoch, leases, the gateway's open attempts, then the budgets. Money is in nano-dollars, integers below 2^53.
 */

const SUM = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me = ARGV[1]
local function pairsOf(key)
  local found = {}
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do found[flat[i]] = tonumber(flat[i + 1]) end
  return found
end
local leases = pairsOf(KEYS[2])
local function text(n) return string.format('%.0f', n) end
local function atLeast(key, field, value)
  local known = tonumber(redis.call('HGET', key, field)) or 0
  if tonumber(value) > known then redis.call('HSET', key, field, value) end
end
local function sum(key)
  local fields = pairsOf(key)
  local ended = {}
  for field, value in pairs(fields) do
    local who = string.sub(field, 3)
    if string.sub(field, 1, 1) == 'r' and who ~= me and value ~= 0 and (leases[who] or 0) < now then ended[who] = value end
  end
  for who, value in pairs(ended) do
    fields['r:' .. who] = 0
    fields['u:' .. who] = (fields['u:' .. who] or 0) + value
    redis.call('HSET', key, 'r:' .. who, '0', 'u:' .. who, text(fields['u:' .. who]))
  end
  local spent, reserved, added, others = 0, 0, 0, {}
  for field, value in pairs(fields) do
    local kind = string.sub(field, 1, 1)
    if kind == 'r' then reserved = reserved + value
    elseif kind == 'a' then added = added + value
    else spent = spent + value end
    if value ~= 0 and string.sub(field, 3) ~= me then others[#others + 1] = field .. '=' .. text(value) end
  end
  local sums = text(spent) .. ':' .. text(reserved) .. ':' .. text(added) .. '|' .. table.concat(others, ',')
  return sums, spent, reserved, added
end
`

/**
 * Reserves an amount for an attempt, or more for one that has reserved before. ARGV: the gateway, the epoch that it knows,
 * the attempt, the number of the step, the amount, the least amount, the lease in ms; then for each budget its limit, what
 * it is asked (0: count, 1: all of the amount and bound, 2: the least and bound, 3: bound by what is left, 4: all of the
 * amount), what the gateway has spent, when the hash may be forgotten in ms or 0, and whether the gateway has seen it.
 * Reply: "lost" where Redis has lost data; or the amount that is reserved or -1, the budget that bears least from 1 or 0,
 * and the sums of each budget without this step: spent:reserved:added|fields of others.
 */
export const reserveBudgetsScript = defineScript(`${SUM}
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 'lost' end
for i = 4, #KEYS do
  if ARGV[8 + (i - 4) * 5 + 4] == '1' and redis.call('EXISTS', KEYS[i]) == 0 then return 'lost' end
end
local id, step, amount = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local kept = redis.call('HGET', KEYS[3], id)
if kept then
  local done, reply = string.match(kept, '^(%d+) %d+ (.*)$')
  if tonumber(done) >= step then return reply end
end
local least, refused, tight, parts = tonumber(ARGV[6]), 0, 0, {}
local granted, room = amount, math.huge
for i = 4, #KEYS do
  local at = 8 + (i - 4) * 5
  atLeast(KEYS[i], 's:' .. me, ARGV[at + 2])
  if ARGV[at + 3] ~= '0' then redis.call('PEXPIREAT', KEYS[i], ARGV[at + 3]) end
  local sums, spent, reserved, added = sum(KEYS[i])
  local left, asked = tonumber(ARGV[at]) + added - spent - reserved, ARGV[at + 1]
  if refused == 0 and (((asked == '1' or asked == '4') and left < amount) or (asked == '2' and left < least)) then refused = i - 3 end
  if asked ~= '0' and asked ~= '4' and left < room then room, tight = left, i - 3 end
  parts[#parts + 1] = sums
end
if refused > 0 then return '-1 ' .. refused .. ' ' .. table.concat(parts, ' ') end
if room < granted then granted = math.max(0, room) end
for i = 4, #KEYS do redis.call('HINCRBY', KEYS[i], 'r:' .. me, text(granted)) end
local before = kept and tonumber(string.match(kept, '^%d+ (%d+)')) or 0
local reply = text(granted) .. ' ' .. tight .. ' ' .. table.concat(parts, ' ')
redis.call('HSET', KEYS[3], id, step .. ' ' .. text(before + granted) .. ' ' .. reply)
redis.call('HSET', KEYS[2], me, text(now + tonumber(ARGV[7])))
return reply
`)

/**
 * Ends an attempt. ARGV: the gateway, the attempt, then for each budget what the gateway has spent. What Redis has lost is
 * left to the next synchronization.
 */
export const settleBudgetsScript = defineScript(`${SUM}
local kept = redis.call('HGET', KEYS[3], ARGV[2])
local amount = kept and tonumber(string.match(kept, '^%d+ (%d+)')) or 0
redis.call('HDEL', KEYS[3], ARGV[2])
for i = 4, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    if amount ~= 0 then redis.call('HINCRBY', KEYS[i], 'r:' .. me, text(-amount)) end
    atLeast(KEYS[i], 's:' .. me, ARGV[i - 1])
  end
end
return 1
`)

/**
 * Sets all that a gateway has spent and reserved, at regular times and after Redis has lost it. ARGV: the gateway, the
 * epoch that it knows or nothing, one to begin, the lease in ms, how long gateways take to set again what was lost in ms,
 * the keeper of what was added to limits, the number of open attempts, each with its id and amount; then for each budget
 * what the gateway has spent and reserved, what its ledger knew when it began or nothing, what was added to the limit as
 * far as the keeper knows, when the hash may be forgotten, and the fields of others to set again, or - where nothing is
 * lost. What is set again is no longer unknown: a gateway that began after the loss may have added it as something that
 * only its ledger knows.
 * Reply: the epoch, for how long sums may still be incomplete in ms, then the sums of each budget.
 */
export const syncBudgetsScript = defineScript(`${SUM}
local epoch = redis.call('GET', KEYS[1])
local isRenewed = epoch and string.match(epoch, ':(%d+)$') ~= '0'
if not epoch or (ARGV[2] ~= '' and ARGV[2] ~= epoch and not isRenewed) then
  epoch = ARGV[3] .. ':' .. (ARGV[2] == '' and '0' or text(now + tonumber(ARGV[5])))
  redis.call('SET', KEYS[1], epoch)
end
local lease = text(now + tonumber(ARGV[4]))
redis.call('HSET', KEYS[2], me, lease)
local at = 8
if ARGV[7] ~= '' then
  redis.call('DEL', KEYS[3])
  for i = 1, tonumber(ARGV[7]) do
    redis.call('HSET', KEYS[3], ARGV[at], '0 ' .. ARGV[at + 1] .. ' -')
    at = at + 2
  end
end
local ledger = string.match(me, '^[^.]+')
local function setSpent(key, who, value)
  local more = tonumber(value) - (tonumber(redis.call('HGET', key, 's:' .. who)) or 0)
  if more <= 0 then return end
  redis.call('HSET', key, 's:' .. who, value)
  local unknown = 'b:' .. string.match(who, '^[^.]+')
  local less = math.min(more, tonumber(redis.call('HGET', key, unknown)) or 0)
  if less > 0 then redis.call('HINCRBY', key, unknown, text(-less)) end
end
local function setAgain(key, fields)
  for field, value in string.gmatch(fields, '([^=,]+)=(-?%d+)') do
    local kind, who = string.sub(field, 1, 1), string.sub(field, 3)
    if kind == 's' then setSpent(key, who, value)
    elseif kind ~= 'b' and redis.call('HSETNX', key, field, value) == 1 and kind == 'r' and not leases[who] then
      leases[who] = tonumber(lease)
      redis.call('HSET', KEYS[2], who, lease)
    end
  end
  for field, value in string.gmatch(fields, '(b:[^=,]+)=(%d+)') do atLeast(key, field, value) end
end
local function addUnknown(key, total)
  local known = 0
  for field, value in pairs(pairsOf(key)) do
    local kind, who = string.sub(field, 1, 1), string.sub(field, 3)
    if kind ~= 'a' and who ~= me and string.match(who, '^[^.]+') == ledger then known = known + value end
  end
  if total > known then redis.call('HINCRBY', key, 'b:' .. ledger, text(total - known)) end
end
local parts = {}
for i = 4, #KEYS do
  if ARGV[at + 5] ~= '-' then
    setSpent(KEYS[i], me, ARGV[at])
    setAgain(KEYS[i], ARGV[at + 5])
  end
  if ARGV[at + 2] ~= '' then addUnknown(KEYS[i], tonumber(ARGV[at + 2])) end
  if ARGV[at + 3] ~= '0' then redis.call('HSETNX', KEYS[i], 'a:' .. ARGV[6], ARGV[at + 3]) end
  atLeast(KEYS[i], 's:' .. me, ARGV[at])
  redis.call('HSET', KEYS[i], 'r:' .. me, ARGV[at + 1])
  redis.call('HDEL', KEYS[i], 'u:' .. me)
  if ARGV[at + 4] ~= '0' then redis.call('PEXPIREAT', KEYS[i], ARGV[at + 4]) end
  parts[#parts + 1] = (sum(KEYS[i]))
  at = at + 6
end
local wait = math.max(0, tonumber(string.match(epoch, ':(%d+)$')) - now)
return epoch .. ' ' .. text(wait) .. ' ' .. table.concat(parts, ' ')
`)

/**
 * The sums of budgets. ARGV: the gateway, the epoch that it knows. Reply: "lost" where Redis has lost data; or the sums of
 * each budget, as of a reservation.
 */
export const readBudgetsScript = defineScript(`${SUM}
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 'lost' end
local parts = {}
for i = 4, #KEYS do parts[#parts + 1] = (sum(KEYS[i])) end
return table.concat(parts, ' ')
`)

/** Sets what operators added to a limit. KEYS: the budget. ARGV: who keeps it, the sum of all additions. */
export const setAdjustedScript = defineScript(`redis.call('HSET', KEYS[1], 'a:' .. ARGV[1], ARGV[2]) return 1`)
