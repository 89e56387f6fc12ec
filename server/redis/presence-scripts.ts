import { RedisScript } from './script.ts'

/** The field of a topic's hash that holds its version; others have a slash. */
export const VERSION = 'version'

/**
 * Write presences of one topic, raise its version and publish the change, all at once. A hash that is made
 * anew begins with the time as its version, so that it is above all that were before; one without presences
 * is removed. KEYS: the hash. ARGV: its lifetime in ms, the command to publish with, the channel, how many
 * presences join, the field and value of each, the fields that leave. Who is there already does not join;
 * who is not there leaves all the same, as a node may remember what Redis has forgotten.
 */
export const WRITE = new RedisScript(`
local hash, joins, leaves, at = KEYS[1], {}, {}, 5
for _ = 1, tonumber(ARGV[4]) do
  if redis.call('HSET', hash, ARGV[at], ARGV[at + 1]) == 1 then
    joins[#joins + 1] = '"' .. ARGV[at] .. '":' .. ARGV[at + 1]
  end
  at = at + 2
end
for n = at, #ARGV do
  redis.call('HDEL', hash, ARGV[n])
  leaves[#leaves + 1] = '"' .. ARGV[n] .. '"'
end
if #joins + #leaves == 0 then return end
local from, to = redis.call('HGET', hash, '${VERSION}') or '0', '0'
if redis.call('HLEN', hash) > (from == '0' and 0 or 1) then
  local time = redis.call('TIME')
  local version = from == '0' and time[1] * 1000000 + time[2] or from + 1
  to = string.format('%.0f', version)
  redis.call('HSET', hash, '${VERSION}', to)
  redis.call('PEXPIRE', hash, ARGV[1])
else
  redis.call('DEL', hash)
end
local change = '{' .. table.concat(joins, ',') .. '},[' .. table.concat(leaves, ',') .. ']'
redis.call(ARGV[2], ARGV[3], '[' .. from .. ',' .. to .. ',' .. change .. ']')
`)

/** A topic's version, which is in use for longer. KEYS: the hash. ARGV: its lifetime in ms. */
export const CHECK = new RedisScript(`
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HGET', KEYS[1], '${VERSION}')
`)

/**
 * Remove presences of dead incarnations. It is no change of the topic: every node finds out by itself that
 * they are dead. KEYS: the hash. ARGV: fields.
 */
export const CLEAN = new RedisScript(`
for _, field in ipairs(ARGV) do redis.call('HDEL', KEYS[1], field) end
if redis.call('HLEN', KEYS[1]) == redis.call('HEXISTS', KEYS[1], '${VERSION}') then redis.call('DEL', KEYS[1]) end
`)
