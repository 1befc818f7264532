/*
 * Parts of the scripts. A thread's log is one hash:
 *
 *   e, o, i      epoch; offset and id of the newest entry
 *   f, a, b      offset and time of the oldest entry, bytes of all
 *   k            offset from which on ids are known
 *   <offset>     an entry: sign, time, ' ', id, ' ', [name count bytes ' ' where the sign is L], length of the header, ' ', header, body.
 *                The sign: E an entry, L one whose body is an upload, T a trimmed or removed one whose id is still known. M an edited
 *                one: time, ' ', id, ' ', offset of its newest edit, which has the body, ' ', length of the header, ' ', header.
 *                Others are of later versions
 *   =<id>        the offset of an id
 *   <name>/<n>   a piece of an upload
 *   u            uploads that no entry names yet: `name count time;` of each
 */

/** The time that ages are counted from: the caller's, or Redis's own, so that the clocks of the nodes do not matter. */
export const TIME = `
local now = ARGV[1]
if now == '' then
  local t = redis.call('TIME')
  now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
end
`;

/**
 * `open` begins a log if there is none: where the last one ended, if the key of that position is given, or with the epoch, offset and id.
 * It returns false if the epoch is ''. `save` writes the state of a log.
 */
export const THREAD = `
local function open(key, position, epoch, offset, id)
  local m = redis.call('HMGET', key, 'e', 'o', 'i', 'f', 'k', 'b', 'a')
  if m[1] then
    return { epoch = m[1], head = tonumber(m[2]), id = m[3], first = tonumber(m[4]), known = tonumber(m[5]),
      bytes = tonumber(m[6]), oldestAt = tonumber(m[7]) }
  end
  local e, o, i = string.match(position and redis.call('GET', position) or '', '^(%S+) (%d+) (.*)$')
  if e then epoch, offset, id = e, o, i end
  if (epoch or '') == '' then return false end
  local head = tonumber(offset)
  return { epoch = epoch, head = head, id = id, first = head + 1, known = head + 1, bytes = 0, oldestAt = tonumber(now), isNew = true }
end
local function save(key, thread)
  redis.call('HSET', key, 'e', thread.epoch, 'o', string.format('%.0f', thread.head), 'i', thread.id,
    'f', string.format('%.0f', thread.first), 'k', string.format('%.0f', thread.known),
    'b', string.format('%.0f', thread.bytes), 'a', string.format('%.0f', thread.oldestAt))
  redis.call('PEXPIRE', key, ARGV[6])
end
`;

const PIECES = `
local function dropPieces(key, name, count)
  for i = 0, tonumber(count) - 1 do redis.call('HDEL', key, name .. '/' .. i) end
end
`;

/** Uploads that no entry names yet. */
export const STAGED = `${PIECES}
local function stagedBytes(key, name, count)
  local bytes = 0
  for i = 0, count - 1 do bytes = bytes + redis.call('HSTRLEN', key, name .. '/' .. i) end
  return bytes
end
-- those that rest for too long are of a node that is gone
local function list(key, name, count, restMs)
  local left = {}
  for other, pieces, at in string.gmatch(redis.call('HGET', key, 'u') or '', '(%S+) (%d+) (%d+);') do
    if other == name then count = math.max(count, tonumber(pieces))
    elseif tonumber(at) + restMs < tonumber(now) then dropPieces(key, other, pieces)
    else left[#left + 1] = other .. ' ' .. pieces .. ' ' .. at .. ';' end
  end
  redis.call('HSET', key, 'u', table.concat(left) .. name .. ' ' .. count .. ' ' .. now .. ';')
end
local function unlist(key, name)
  local left = {}
  for other, rest in string.gmatch(redis.call('HGET', key, 'u') or '', '(%S+) (%d+ %d+;)') do
    if other ~= name then left[#left + 1] = other .. ' ' .. rest end
  end
  if #left > 0 then redis.call('HSET', key, 'u', table.concat(left)) else redis.call('HDEL', key, 'u') end
end
`;

/**
 * Edits and removals. Of an edited message only the place of its newest edit is kept, and its header.
 * Of a removed one, and of an edit that is not the newest, the time and the id.
 */
export const AMEND = `
-- the offset and value of a message that may be amended
local function held(key, thread, id)
  local at = redis.call('HGET', key, '=' .. id)
  if not at or tonumber(at) < thread.first then return false end
  local value = redis.call('HGET', key, at)
  local sign, header = nil, nil
  if value then
    sign = string.sub(value, 1, 1)
    local size, from
    if sign == 'E' then size, from = string.match(value, '^.%d+ %S+ (%d+) ()')
    elseif sign == 'L' then size, from = string.match(value, '^.%d+ %S+ %S+ %d+ %d+ (%d+) ()')
    elseif sign == 'M' then size, from = string.match(value, '^.%d+ %S+ %d+ (%d+) ()') end
    if size then header = string.sub(value, from, from + tonumber(size) - 1) end
  end
  if not header or cjson.decode(header).e then return false end
  return at, value, header
end
local function rewrite(key, thread, at, value, next)
  if string.sub(value, 1, 1) == 'L' then
    local name, count, bytes = string.match(value, '^.%d+ %S+ (%S+) (%d+) (%d+) ')
    dropPieces(key, name, count)
    thread.bytes = thread.bytes - tonumber(bytes)
  end
  thread.bytes = thread.bytes - #value + #next
  redis.call('HSET', key, at, next)
end
-- without the offset of an edit, it is removed
local function amend(key, thread, id, edit)
  local at, value, header = held(key, thread, id)
  local ms = string.match(value, '^.(%d+) ')
  local former = string.match(value, '^M%d+ %S+ (%d+) ')
  local old = former and redis.call('HGET', key, former)
  if old then
    local oldMs, oldId = string.match(old, '^.(%d+) (%S+) ')
    rewrite(key, thread, former, old, 'T' .. oldMs .. ' ' .. oldId .. ' ')
  end
  local stub = ms .. ' ' .. id .. ' '
  if edit then stub = 'M' .. stub .. edit .. ' ' .. #header .. ' ' .. header else stub = 'T' .. stub end
  rewrite(key, thread, at, value, stub)
end
`;

/** An edited message as an entry with the body of its newest edit. */
export const CURRENT = `
local function current(key, value)
  local ms, id, edit, size, from = string.match(value or '', '^M(%d+) (%S+) (%d+) (%d+) ()')
  if not ms then return value end
  local header = '{"v":1,' .. string.sub(value, from + 1, from + tonumber(size) - 1)
  local newest = redis.call('HGET', key, edit) or ''
  local upload, length, body = string.match(newest, '^L%d+ %S+ (%S+ %d+ %d+ )(%d+) ()')
  if not upload then length, body = string.match(newest, '^E%d+ %S+ (%d+) ()') end
  if not length then return 'T' .. ms .. ' ' .. id .. ' ' end
  return (upload and 'L' or 'E') .. ms .. ' ' .. id .. ' ' .. (upload or '') .. #header .. ' ' .. header
    .. string.sub(newest, body + tonumber(length))
end
`;

/** Drops entries that are too old or too many, and ids that need not be known any more; a limited number at a time. */
export const TRIM = `
${PIECES}
local function field(at) return string.format('%.0f', at) end
local function trim(key, thread, budget)
  local maxEntries, maxBytes, maxAgeMs, knownMs = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local nowMs = tonumber(now)
  while thread.first <= thread.head and budget > 0 do
    local count = thread.head - thread.first + 1
    local isTooMuch = count > 1 and (count > maxEntries or thread.bytes > maxBytes)
    if not isTooMuch and thread.oldestAt + maxAgeMs > nowMs then break end
    local at = field(thread.first)
    local value = redis.call('HGET', key, at)
    if value then
      local sign, ms, id = string.match(value, '^(.)(%d+) (%S+) ')
      thread.bytes = thread.bytes - #value
      if sign == 'L' then
        local name, pieces, bytes = string.match(value, '^.%d+ %S+ (%S+) (%d+) (%d+) ')
        dropPieces(key, name, pieces)
        thread.bytes = thread.bytes - tonumber(bytes)
      end
      if tonumber(ms) + knownMs > nowMs then redis.call('HSET', key, at, 'T' .. ms .. ' ' .. id .. ' ')
      else redis.call('HDEL', key, at, '=' .. id) end
    end
    thread.first = thread.first + 1
    local oldest = redis.call('HGET', key, field(thread.first))
    thread.oldestAt = oldest and tonumber(string.match(oldest, '^.(%d+) ')) or nowMs
    budget = budget - 1
  end
  while thread.known < thread.first and budget > 0 do
    local at = field(thread.known)
    local value = redis.call('HGET', key, at)
    if value then
      local ms, id = string.match(value, '^.(%d+) (%S+) ')
      if tonumber(ms) + knownMs > nowMs then break end
      redis.call('HDEL', key, at, '=' .. id)
    end
    thread.known = thread.known + 1
    budget = budget - 1
  end
end
`;
