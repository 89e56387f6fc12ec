import { RedisScript } from './script.ts'

// Each topic has one stream. The ID of an entry is `<epoch>-<seq>`, where `seq` is the sequence number of the
// broadcast in the epoch. The stream itself stores the epoch and the head (the sequence number of the latest entry),
// even when the stream is empty. Therefore Redis cannot lose or evict the epoch and the head separately from the
// entries. Each entry has three fields: `m` is the message, `t` the time in ms at which Redis kept the message, and `b`
// the total bytes of all earlier payloads. A separate counter has the total bytes of all payloads.
//
// An epoch is a number of 19 digits. The first 13 digits are the time in ms at which the epoch began. The last 6 digits
// (the run digits) change when the Redis server restarts, or when it is promoted from replica to master. After such a
// change, Redis may lack the latest entries, or have entries that it did not acknowledge. So the scripts begin a new
// epoch, unless the engine option `durable` is true. The run digits are computed from `run_id`, which changes at a
// restart, and `master_replid2`, which changes at a promotion. `master_replid` is not used, because it also changes
// when a first replica or a backup connects. Scripts and nodes handle an epoch as a string, because the number exceeds
// 2^53.

/** Milliseconds for which Redis keeps the stream of a topic that was joined but never published to. */
const EMPTY_TTL_MS = 60_000

/**
 * Beginning of `APPEND` and `READ`. Reads the first two arguments:
 * - ARGV[1]: six digits that change when Redis restarts (see above); '' if the script must compute these digits
 * - ARGV[2]: '1' if the engine option `durable` is true
 */
const PRELUDE = `
local log, run, durable = KEYS[1], ARGV[1], ARGV[2] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if run == '' and durable then run = '000000' end
if run == '' then
  local process = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local before = string.match(redis.call('INFO', 'replication'), 'master_replid2:(%x+)') or '0'
  local sum = tonumber(string.sub(process, 1, 12), 16) + tonumber(string.sub(before, 1, 12), 16)
  run = string.format('%06d', sum % 1000000)
end
`

/** Functions of `APPEND` and `READ`. Creating the functions takes time, so `APPEND` creates them only if needed. */
const FUNCTIONS = `
local function isPresent(epoch) return durable or string.sub(epoch, -6) == run end
local function newEpoch(last)
  local after = last and tonumber(string.sub(last, 1, -7)) or 0
  return string.format('%.0f', math.max(now, after + 1)) .. run
end
local function info()
  local found = redis.pcall('XINFO', 'STREAM', log)
  local epoch, seq, first
  for at = 1, #found, 2 do
    if found[at] == 'last-generated-id' then epoch, seq = string.match(found[at + 1], '(%d+)-(%d+)') end
    if found[at] == 'first-entry' then first = found[at + 1] or nil end
  end
  return epoch, tonumber(seq or 0), first
end
`

/**
 * Append a message to the stream with the next `seq`, and publish the message as `<epoch>-<seq> <time> <message>`.
 * Returns `<epoch>-<seq>`. If the same message was kept before with the same deduplication key, returns the earlier
 * `<epoch>-<seq>`. If another message was kept with this key, returns ''.
 * KEYS: the stream, the counter of bytes and, if there is one, the deduplication key.
 * ARGV[1] and ARGV[2]: see `PRELUDE`. The other arguments:
 * - ARGV[3]: the last known epoch of the topic; '' if unknown
 * - ARGV[4] and ARGV[5]: the number of messages to keep, and their lifetime in ms
 * - ARGV[6] and ARGV[7]: the publish command, and the channel
 * - ARGV[8] and ARGV[9]: the maximum bytes of all payloads, and the bytes of this payload
 * - ARGV[10]: the message
 * - ARGV[11] and ARGV[12], with a deduplication key: the lifetime of the key in ms, and a digest of the message
 */
export const APPEND = new RedisScript(`${PRELUDE}
local epoch, size, ttl, max, bytes, message = ARGV[3], ARGV[4], ARGV[5], ARGV[8], ARGV[9], ARGV[10]
local known, id = KEYS[3] and redis.call('GET', KEYS[3]), nil
local total = known and 0 or redis.call('INCRBY', KEYS[2], bytes)
if not known and epoch ~= '' and (durable or string.sub(epoch, -6) == run) then
  id = redis.pcall('XADD', log, 'NOMKSTREAM', 'MAXLEN', '~', size, epoch .. '-*', 'm', message, 't', now, 'b', total - bytes)
end
-- There is no id if XADD was not tried, there is no stream, or the stream's epoch is later than the known epoch.
-- The id ends with -0 if the stream's epoch was earlier than the known epoch.
if type(id) ~= 'string' or string.sub(id, -2) == '-0' then
  ${FUNCTIONS}
  if type(id) == 'string' then redis.call('XDEL', log, id) end
  local present, head = info()
  if type(id) == 'string' or not present or not isPresent(present) then present, head = newEpoch(present), 0 end
  if known then
    local of, digest = string.match(known, '(%S+) (%S+)')
    -- A key of an earlier epoch counts only if its message was not lost with that epoch.
    if string.match(of, '%d+') == present or #redis.call('XRANGE', log, of, of) > 0 then
      return digest == ARGV[12] and of or ''
    end
    total = redis.call('INCRBY', KEYS[2], bytes)
  end
  id = string.format('%s-%.0f', present, head + 1)
  redis.call('XADD', log, 'MAXLEN', '~', size, id, 'm', message, 't', now, 'b', total - bytes)
end
-- Each time the total passes a multiple of max/16: remove the oldest entries, as many as needed so that at most max
-- bytes are kept until the total passes the next multiple. Never remove the new entry.
local step = max / 16
local steps = math.floor(total / step)
local excess = (steps + 1) * step - max
if excess > 0 and steps > math.floor((total - bytes) / step) then
  local from, count, first = '-', 1, nil
  repeat
    local oldest = redis.call('XRANGE', log, from, '+', 'COUNT', count)
    for _, entry in ipairs(oldest) do
      if tonumber(entry[2][6]) >= excess or entry[1] == id then first = entry[1] break end
    end
    from, count = '(' .. oldest[#oldest][1], math.min(2 * count, 64)
  until first
  redis.call('XTRIM', log, 'MINID', first)
end
redis.call('PEXPIRE', log, ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
if KEYS[3] then redis.call('SET', KEYS[3], id .. ' ' .. ARGV[12], 'PX', ARGV[11]) end
redis.call(ARGV[6], ARGV[7], id .. ' ' .. now .. ' ' .. message)
return id
`)

/**
 * Remove expired entries. Then return the current epoch, the head and the lowest `seq` of this epoch, a flag (1 if there
 * are entries of earlier epochs), the time in ms, and a list of entries.
 * KEYS: the stream.
 * ARGV[1] and ARGV[2]: see `PRELUDE`. The other arguments:
 * - ARGV[3]: the lifetime of an entry in ms
 * - ARGV[4]: `follow` creates an epoch if there is none, and extends the stream's lifetime; `look` does neither
 * - ARGV[5]: `after` returns entries after the position ARGV[7], the oldest first; `before` returns entries before
 *   this position, the newest first
 * - ARGV[6]: the required epoch; '' for any epoch. If another epoch is current, no entries are returned.
 * - ARGV[7]: a position: a `seq` of the current epoch, the ID of an entry, or (only with `before`) '' for the end of
 *   the stream
 * - ARGV[8]: the maximum number of entries
 */
export const READ = new RedisScript(`${PRELUDE}${FUNCTIONS}
local ttl, mode, direction, of, place, count = unpack(ARGV, 3, 8)
local function isOld(entry) return entry[2][4] + ttl <= now end
local epoch, head, first = info()
if first and isOld(first) then
  for _ = 1, 16 do
    local oldest, young, last = redis.call('XRANGE', log, '-', '+', 'COUNT', 64), nil, nil
    for _, entry in ipairs(oldest) do
      if not isOld(entry) then young = entry break end
      last = entry[1]
    end
    if last then
      redis.call('XTRIM', log, 'MINID', young and young[1] or string.gsub(last, '%d+$', function(n)
        return string.format('%.0f', n + 1)
      end))
    end
    if young or #oldest < 64 then break end
  end
  first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
end
if not epoch or not isPresent(epoch) then
  local next = newEpoch(epoch)
  if mode == 'look' then next = '0'
  elseif epoch then redis.call('XSETID', log, next .. '-0')
  else redis.call('XADD', log, 'MAXLEN', '0', next .. '-0', 'm', '') end
  epoch, head = next, 0
end
if mode == 'follow' then
  redis.call('PEXPIRE', log, (head > 0 or first) and ttl or math.min(ttl, ${EMPTY_TTL_MS}))
end
local low, hasEarlier = head + 1, false
if first then
  hasEarlier = string.match(first[1], '%d+') ~= epoch
  if hasEarlier then first = epoch ~= '0' and redis.call('XRANGE', log, epoch .. '-0', '+', 'COUNT', 1)[1] end
  if first then low = tonumber(string.match(first[1], '-(%d+)')) end
end
local entries = {}
-- The epoch 0 (only with 'look') means that there is no current epoch: all entries belong to earlier epochs. So with
-- 'after', return none.
if tonumber(count) > 0 and (of == '' or of == epoch) and (direction == 'before' or epoch ~= '0') then
  if string.find(place, '^%d+$') then place = epoch .. '-' .. place end
  local from = place ~= '' and '(' .. place
  if direction == 'after' then entries = redis.call('XRANGE', log, from, '+', 'COUNT', count)
  else entries = redis.call('XREVRANGE', log, from or '+', '-', 'COUNT', count) end
end
return { epoch, head, low, hasEarlier and 1 or 0, now, entries }
`)
