import { AMEND, STAGED, THREAD, TIME, TRIM } from './script-parts.ts';
import { script } from './scripts.ts';

/**
 * Appends messages to one thread, each once, and publishes them. In ARGV from `from` to `to`, each has its id, sign, header, body, and `+id` or
 * `-id` of the message that it replaces or removes, or ''. The body of sign `L` is `name count bytes` of an upload.
 *
 * Answers `{epoch, now, fewest listeners of a notice or -1, offset, ...}`. A negative offset is that of a known message; '?' says
 * that the message that it amends is not held; 0 that its upload is not there, and ends the answer.
 */
const APPENDING = `${TIME}${THREAD}${STAGED}${AMEND}${TRIM}
local function append(key, thread, channel, publish, inlineBytes, from, to)
  local heard = -1
  local reply = { thread.epoch, now, heard }
  for n = from, to, 5 do
    local id, sign, header, body, amends = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3], ARGV[n + 4]
    local name, count, bytes = false, 0, 0
    if sign == 'L' then
      name, count, bytes = string.match(body, '^(%S+) (%d+) (%d+)$')
      count, bytes = tonumber(count), tonumber(bytes)
    end
    local known = redis.call('HGET', key, '=' .. id)
    if known then
      reply[#reply + 1] = -tonumber(known)
      -- of another upload than this one
      if name and not string.find(redis.call('HGET', key, known) or '', ' ' .. name .. ' ', 1, true) then
        dropPieces(key, name, count)
      end
      if name then unlist(key, name) end
    elseif amends ~= '' and not held(key, thread, string.sub(amends, 2)) then
      reply[#reply + 1] = '?'
      if name then
        dropPieces(key, name, count)
        unlist(key, name)
      end
    elseif name and stagedBytes(key, name, count) ~= bytes then
      dropPieces(key, name, count)
      unlist(key, name)
      reply[#reply + 1] = 0
      break
    else
      thread.head = thread.head + 1
      thread.id = id
      local offset = string.format('%.0f', thread.head)
      local value = sign .. now .. ' ' .. id .. ' '
      if name then value = value .. body .. ' ' end
      value = value .. #header .. ' ' .. header
      if name then unlist(key, name) else value = value .. body end
      if amends ~= '' then amend(key, thread, string.sub(amends, 2), string.sub(amends, 1, 1) == '+' and offset) end
      redis.call('HSET', key, offset, value, '=' .. id, offset)
      thread.bytes = thread.bytes + #value + bytes
      if thread.head == thread.first then thread.oldestAt = tonumber(now) end
      local notice, inline = sign, body
      if name or #body > inlineBytes then notice, inline = 'L', '' end
      local listeners = redis.call(publish, channel,
        notice .. thread.epoch .. ' ' .. offset .. ' ' .. now .. ' ' .. id .. ' ' .. #header .. ' ' .. header .. inline)
      if heard < 0 or listeners < heard then heard = listeners end
      reply[#reply + 1] = thread.head
    end
  end
  trim(key, thread, 64 + to - from)
  save(key, thread)
  reply[3] = heard
  return reply
end
`;

/** ARGV after the common ones: the channel, its publish command, bytes up to which a notice carries the body, then the messages. */
export const APPEND = script(`${APPENDING}
local thread = open(KEYS[1], KEYS[2], ARGV[7], ARGV[8], ARGV[9])
if not thread then return { '' } end
return append(KEYS[1], thread, ARGV[10], ARGV[11], tonumber(ARGV[12]), 13, #ARGV)
`);

/**
 * `APPEND` for many threads, for Redis without a cluster. KEYS: of each its log and its position. ARGV after the common ones, without an
 * epoch, offset and id: bytes up to which a notice carries the body, then of each thread: an epoch to begin with, the channel, the number of
 * messages, and those. Answers with what `APPEND` answers, of each.
 */
export const APPENDS = script(`${APPENDING}
local inlineBytes, at, reply = tonumber(ARGV[7]), 8, {}
for n = 1, #KEYS / 2 do
  local key, from = KEYS[n * 2 - 1], at + 3
  local thread = open(key, KEYS[n * 2], ARGV[at], '0', '')
  at = from + 5 * tonumber(ARGV[at + 2])
  reply[n] = append(key, thread, ARGV[from - 2], 'PUBLISH', inlineBytes, from, at - 1)
end
return reply
`);
