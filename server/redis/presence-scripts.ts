import { RedisScript } from './script.ts'

/** Field for the version number of a topic's hash. The names of all other fields contain a slash. */
export const VERSION_FIELD = 'version'

/**
 * Write presences of one topic, raise the version of the hash and publish the change, atomically. The version of a new
 * hash is the current time, which is above all earlier versions. A hash without presences is removed. A presence that
 * exists already is not published as a join. A leave is always published, because other nodes may still have a presence
 * that Redis has lost.
 * KEYS: the hash.
 * ARGV: the lifetime of the hash in milliseconds, the publish command, the channel, the number of joins, field and
 * value of each join, the fields to remove.
 */
export const WRITE_SCRIPT = new RedisScript(`
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
local from, to = redis.call('HGET', hash, '${VERSION_FIELD}') or '0', '0'
if redis.call('HLEN', hash) > (from == '0' and 0 or 1) then
  local time = redis.call('TIME')
  local version = from == '0' and time[1] * 1000000 + time[2] or from + 1
  to = string.format('%.0f', version)
  redis.call('HSET', hash, '${VERSION_FIELD}', to)
  redis.call('PEXPIRE', hash, ARGV[1])
else
  redis.call('DEL', hash)
end
local change = '{' .. table.concat(joins, ',') .. '},[' .. table.concat(leaves, ',') .. ']'
redis.call(ARGV[2], ARGV[3], '[' .. from .. ',' .. to .. ',' .. change .. ']')
`)

/** Extend the lifetime of a topic's hash and return its version. KEYS: the hash. ARGV: its lifetime in milliseconds. */
export const CHECK_SCRIPT = new RedisScript(`
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HGET', KEYS[1], '${VERSION_FIELD}')
`)

/**
 * Remove presences of nodes whose lease has expired. The version stays the same and nothing is published, because every
 * node detects expired leases itself. KEYS: the hash. ARGV: the fields to remove.
 */
export const CLEAN_SCRIPT = new RedisScript(`
for _, field in ipairs(ARGV) do redis.call('HDEL', KEYS[1], field) end
if redis.call('HLEN', KEYS[1]) == redis.call('HEXISTS', KEYS[1], '${VERSION_FIELD}') then redis.call('DEL', KEYS[1]) end
`)
