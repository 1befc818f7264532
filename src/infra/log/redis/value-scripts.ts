import { TIME } from './script-parts.ts';
import { script } from './scripts.ts';

/*
 * The values of a thread are one hash:
 *
 *   e, r, n, b   epoch; number of the last change; keys, and bytes of all keys and values
 *   =<key>       a value: when its time is up or 0, ' ', `node/connection` of its owner or '-', ' ', JSON
 *   !<node>      the last change of a node, ' ', its time
 *
 * A node numbers its changes, and makes one after the other. So a change that is repeated because its answer was lost, or that arrives when
 * its caller has given it up and gone on, is made once or not at all.
 */

/**
 * ARGV of those that change values begin alike: now or '', node, number of the change, channel, its publish command, ms that the hash lives,
 * an epoch to begin with.
 */
const CHANGE = `${TIME}
local node, number, channel, publish = '!' .. ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local state = redis.call('HMGET', KEYS[1], 'e', 'r', 'n', 'b', node)
local epoch, revision = state[1] or ARGV[7], tonumber(state[2] or '0')
local keys, bytes = tonumber(state[3] or '0'), tonumber(state[4] or '0')
if state[5] and tonumber(string.match(state[5], '^%d+')) >= number then return { 'known' } end
local function parts(stored)
  local untilMs, owner, from = string.match(stored, '^(%d+) (%S+) ()')
  return tonumber(untilMs), owner, from
end
local function isOver(untilMs) return untilMs > 0 and untilMs <= tonumber(now) end
local function drop(key, stored)
  local _, _, from = parts(stored)
  redis.call('HDEL', KEYS[1], '=' .. key)
  keys, bytes = keys - 1, bytes - #key - (#stored - from + 1)
end
local function tell(key, ttl, owner, json)
  revision = revision + 1
  redis.call(publish, channel, 'V' .. epoch .. ' ' .. string.format('%.0f', revision) .. ' ' .. ttl .. ' ' .. owner .. ' '
    .. #key .. ' ' .. key .. json)
end
local function purge()
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local sign = string.sub(all[i], 1, 1)
    if sign == '=' and isOver((parts(all[i + 1]))) then drop(string.sub(all[i], 2), all[i + 1]) end
    if sign == '!' and tonumber(string.match(all[i + 1], ' (%d+)$')) + 600000 < tonumber(now) then
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
end
local function save()
  if not state[5] then purge() end
  redis.call('HSET', KEYS[1], 'e', epoch, 'r', string.format('%.0f', revision), 'n', keys, 'b', bytes,
    node, string.format('%.0f', number) .. ' ' .. now)
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
end
`;

/**
 * Sets a value, if there is room.
 *
 * ARGV after those of CHANGE: key, JSON, owner or '-', ms that it lives or 0, keys and bytes that a thread may have. Answers `{'set'}`,
 * `{'known'}`, or which of the two is too much: `{'keys'}`, `{'bytes'}`.
 */
export const SET_VALUE = script(`${CHANGE}
local key, json, owner, ttl = ARGV[8], ARGV[9], ARGV[10], tonumber(ARGV[11])
local function lack()
  local old = redis.call('HGET', KEYS[1], '=' .. key)
  local more = #key + #json
  if old then
    local _, _, from = parts(old)
    more = #json - (#old - from + 1)
  end
  if not old and keys + 1 > tonumber(ARGV[12]) then return 'keys', old end
  if more > 0 and bytes + more > tonumber(ARGV[13]) then return 'bytes', old end
  return false, old
end
local isLacking, old = lack()
if isLacking then
  purge()
  isLacking, old = lack()
  if isLacking then
    save()
    return { isLacking }
  end
end
if old then drop(key, old) end
local untilMs = ttl > 0 and tonumber(now) + ttl or 0
redis.call('HSET', KEYS[1], '=' .. key, string.format('%.0f', untilMs) .. ' ' .. owner .. ' ' .. json)
keys, bytes = keys + 1, bytes + #key + #json
tell(key, ARGV[11], owner, json)
save()
return { 'set' }
`);

/**
 * Removes values.
 *
 * ARGV after those of CHANGE: owner or '' for any; keys, or nothing for all that the owner has. Answers `{'known'}` or the number of those that were there.
 */
export const DROP_VALUES = script(`${CHANGE}
local dropped = 0
local function dropIf(key, stored)
  local untilMs, owner = parts(stored)
  if ARGV[8] ~= '' and ARGV[8] ~= owner then return end
  drop(key, stored)
  tell(key, 0, '!', '')
  if not isOver(untilMs) then dropped = dropped + 1 end
end
for n = 9, #ARGV do
  local stored = redis.call('HGET', KEYS[1], '=' .. ARGV[n])
  if stored then dropIf(ARGV[n], stored) end
end
if #ARGV == 8 then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 1) == '=' then dropIf(string.sub(all[i], 2), all[i + 1]) end
  end
end
save()
return { dropped }
`);

/** Reads the values of a thread, or that of one key. ARGV: now or '', key or nothing. Answers `{now, name, value, ...}` as in the hash. */
export const READ_VALUES = script(`${TIME}
local reply
if ARGV[2] then
  local field = '=' .. ARGV[2]
  local facts = redis.call('HMGET', KEYS[1], 'e', 'r', field)
  reply = { 'e', facts[1] or '', 'r', facts[2] or '0' }
  if facts[3] then
    reply[5], reply[6] = field, facts[3]
  end
else
  reply = redis.call('HGETALL', KEYS[1])
end
table.insert(reply, 1, now)
return reply
`);
