import { createHash } from 'node:crypto';

/** A Lua script, which Redis runs as a whole or not at all. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** The time that ages are counted from: the caller's, or Redis's own, so that the clocks of the nodes do not matter. */
const NOW = `
local now = ARGV[2]
if now == '' then
  local t = redis.call('TIME')
  now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
end
`;

/**
 * Appends messages of one thread, each once, and publishes them.
 *
 * KEYS: meta, stream, then the idempotency key of each message.
 * ARGV: an epoch in case there is none, now or '', entries kept, ms kept, ms that an idempotency key lives, ms that the meta lives,
 * the channel, its publish command, bytes up to which a notice carries the body, then for each message: id, header, body.
 *
 * The stream's ids are `offset-ms`. The meta hash has `e`poch, `o`ffset and `i`d of the newest entry, and a mark (`ma`, `mo`) when
 * which offset was the newest: what is older than the mark is trimmed one retention later, so an entry lives for one to two of them
 * in Redis, and readers look at its age. Without a meta hash the stream is of another life and goes.
 *
 * Answers `{epoch, now, offset, ...}`; a negative offset is that of a known message.
 */
export const APPEND = script(`${NOW}
local meta = redis.call('HMGET', KEYS[1], 'e', 'o', 'ma', 'mo')
local epoch, head, markAt, mark = meta[1], tonumber(meta[2]), meta[3], meta[4]
local last = false
if not epoch then
  redis.call('DEL', KEYS[2])
  epoch, head, markAt, mark = ARGV[1], 0, now, '0'
  redis.call('HSET', KEYS[1], 'e', epoch, 'o', 0, 'i', '', 'ma', now, 'mo', 0)
end
local reply = { epoch, now }
for n = 3, #KEYS do
  local at = 10 + (n - 3) * 3
  local id, header, body = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local known = redis.call('GET', KEYS[n])
  local offset = known and string.match(known, '^' .. string.gsub(epoch, '%-', '%%-') .. ' (%d+)$')
  if offset then
    reply[#reply + 1] = -tonumber(offset)
  else
    head = head + 1
    offset = string.format('%.0f', head)
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], offset .. '-' .. now, 'i', id, 'h', header, 'd', body)
    redis.call('SET', KEYS[n], epoch .. ' ' .. offset, 'PX', ARGV[5])
    last = id
    local sign, inline = 'E', body
    if #body > tonumber(ARGV[9]) then sign, inline = 'L', '' end
    redis.call(ARGV[8], ARGV[7],
      sign .. epoch .. ' ' .. offset .. ' ' .. now .. ' ' .. id .. ' ' .. #header .. ' ' .. header .. inline)
    reply[#reply + 1] = head
  end
end
if last then
  redis.call('HSET', KEYS[1], 'o', string.format('%.0f', head), 'i', last)
  if tonumber(now) - tonumber(markAt) >= tonumber(ARGV[4]) then
    redis.call('XTRIM', KEYS[2], 'MINID', '~', string.format('%.0f', tonumber(mark) + 1))
    redis.call('HSET', KEYS[1], 'ma', now, 'mo', string.format('%.0f', head))
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return reply
`);

/**
 * Writes how many members a node has in a thread: one command, because a node that starts has that to say of each.
 *
 * KEYS: presence. ARGV: node, members, ms that the hash lives.
 */
export const ANNOUNCE = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
`);

/**
 * Where a thread stands; begins its first epoch where there is none.
 *
 * KEYS: meta, stream. ARGV: an epoch in case there is none, now or '', ms that the meta lives, a known epoch and offset, or ''.
 * Answers `{epoch, offset, id, now, id at the known offset or false}`.
 */
export const ANCHOR = script(`${NOW}
local meta = redis.call('HMGET', KEYS[1], 'e', 'o', 'i')
local epoch, head, id = meta[1], meta[2], meta[3]
if not epoch then
  redis.call('DEL', KEYS[2])
  epoch, head, id = ARGV[1], '0', ''
  redis.call('HSET', KEYS[1], 'e', epoch, 'o', 0, 'i', '', 'ma', now, 'mo', 0)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local known = false
if ARGV[4] == epoch and ARGV[5] ~= '0' and tonumber(ARGV[5]) < tonumber(head) then
  local entry = redis.call('XRANGE', KEYS[2], ARGV[5], ARGV[5])[1]
  if entry then known = entry[2][2] end
end
return { epoch, tonumber(head), id, now, known }
`);
