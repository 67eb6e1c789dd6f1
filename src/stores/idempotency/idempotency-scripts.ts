import { defineScript } from '../redis/redis-store.ts'

/*
 * Each key of a caller is a hash: `request`, the hash of its request; `call`, the id of its call; once the call has ended
 * `state`, `done` or `lost`, and the `result` of one that is done. While the call runs it expires with a lease.
 */

/** Claims a key for a call. KEYS: the key. ARGV: the hash of the request, the id of the call, the lease in ms. */
export const claimScript = defineScript(`
local request, call, state, result = unpack(redis.call('HMGET', KEYS[1], 'request', 'call', 'state', 'result'))
if not request then
  redis.call('HSET', KEYS[1], 'request', ARGV[1], 'call', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'free'}
end
if request ~= ARGV[1] then return {'reused'} end
return {state or 'running', call, result or ''}
`)

/**
 * Keeps the result of a call, unless another call holds the key. KEYS: the key. ARGV: the hash of the request, the id of
 * the call, the time to live in ms, the state, the result.
 */
export const keepScript = defineScript(`
local call = redis.call('HGET', KEYS[1], 'call')
if call and call ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'request', ARGV[1], 'call', ARGV[2], 'state', ARGV[4], 'result', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

/** Forgets a key, unless another call holds it. KEYS: the key. ARGV: the id of the call. */
export const releaseScript = defineScript(`
if redis.call('HGET', KEYS[1], 'call') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`)

/**
 * Renews leases, and restores those that were lost. KEYS: the keys of the calls. ARGV: the lease in ms, then the hash of
 * the request and the id of the call of each.
 */
export const renewScript = defineScript(`
for index, key in ipairs(KEYS) do
  local request, id = ARGV[2 * index], ARGV[2 * index + 1]
  local call, state = unpack(redis.call('HMGET', key, 'call', 'state'))
  if not call then redis.call('HSET', key, 'request', request, 'call', id) end
  if not call or (call == id and not state) then redis.call('PEXPIRE', key, ARGV[1]) end
end
return 1
`)
