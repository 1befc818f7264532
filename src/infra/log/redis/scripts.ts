import { createHash } from 'node:crypto';
import { CURRENT, STAGED, THREAD, TIME, TRIM } from './script-parts.ts';

/** A Lua script, which Redis runs as a whole or not at all. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/*
 * In a cluster, each script has one key. While a cluster slot migrates, Redis answers TRYAGAIN to a command with several keys that are not
 * all on one side; with one key, it runs the command or names the other side. Without a cluster, those that begin a log have the key of the
 * thread's position as well, and one round trip does.
 *
 * ARGV of those that keep a thread begins alike: now or '', entries kept, bytes kept, ms kept, ms that an id is known, ms that the
 * key lives, then an epoch, offset and id to begin with. They answer `{''}` where the thread has no log and the epoch is ''.
 */

/**
 * Stores one piece of a large message next to the log, where APPEND finds it.
 *
 * ARGV: now or '', name, index, piece, ms that an upload may rest, ms that the key lives.
 */
export const STAGE = script(`${TIME}${STAGED}
redis.call('HSET', KEYS[1], ARGV[2] .. '/' .. ARGV[3], ARGV[4])
list(KEYS[1], ARGV[2], tonumber(ARGV[3]) + 1, tonumber(ARGV[5]))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[6]) / 2 then redis.call('PEXPIRE', KEYS[1], ARGV[6]) end
`);

/** Reads a thread's position without writing anything. ARGV: now or ''. Answers `{epoch or '', offset, id, now}`. */
export const STAND = script(`${TIME}
local epoch, offset, id = unpack(redis.call('HMGET', KEYS[1], 'e', 'o', 'i'))
return { epoch or '', tonumber(offset or '0'), id or '', now }
`);

/**
 * Reads a thread's position; trims and keeps it.
 *
 * ARGV after the common ones: a known epoch and offset, or ''; ms that the key lives if it is begun here, or nothing for the usual time.
 * Answers `{epoch, offset, id, now, id at the known offset or false}`.
 */
export const ANCHOR = script(`${TIME}${THREAD}${TRIM}
local thread = open(KEYS[1], KEYS[2], ARGV[7], ARGV[8], ARGV[9])
if not thread then return { '' } end
local isNew = redis.call('EXISTS', KEYS[1]) == 0
trim(KEYS[1], thread, 128)
save(KEYS[1], thread)
if isNew and ARGV[12] then redis.call('PEXPIRE', KEYS[1], ARGV[12]) end
local known = false
if ARGV[10] == thread.epoch and ARGV[11] ~= '0' and tonumber(ARGV[11]) < thread.head then
  local value = redis.call('HGET', KEYS[1], ARGV[11])
  if value then known = string.match(value, '^.%d+ (%S+) ') end
end
return { thread.epoch, thread.head, thread.id, now, known }
`);

/**
 * Reads entries in ascending or descending order, up to a number of bytes: at least one entry.
 *
 * ARGV: epoch, from, to or '+', step, entries, bytes. Answers `{epoch, offset, value, ...}`.
 */
export const READ = script(`${CURRENT}
local epoch, head, first = unpack(redis.call('HMGET', KEYS[1], 'e', 'o', 'f'))
if epoch ~= ARGV[1] then return { epoch or '' } end
head, first = tonumber(head), tonumber(first)
local step = tonumber(ARGV[4])
local from, to = tonumber(ARGV[2]), tonumber(ARGV[3]) or head
if step > 0 then from, to = math.max(from, first), math.min(to, head)
else from, to = math.min(from, head), math.max(to, first) end
local reply, bytes = { epoch }, 0
for at = from, to, step do
  local value = current(KEYS[1], redis.call('HGET', KEYS[1], string.format('%.0f', at)))
  if value then
    reply[#reply + 1] = at
    reply[#reply + 1] = value
    bytes = bytes + #value
  end
  if #reply > 2 * tonumber(ARGV[5]) or bytes >= tonumber(ARGV[6]) then break end
end
return reply
`);

/** `keep` writes a thread's position, unless a later one of it is there. */
export const KEEP = `
local function keep(key, epoch, offset, id, ms)
  -- something else that has this name keeps no other thread from its position
  local value = redis.pcall('GET', key) or ''
  if type(value) == 'table' then return end
  local known, reached = string.match(value, '^(%S+) (%d+) ')
  -- a node that has not heard of an erasure
  if known and known ~= epoch and string.sub(known, 1, 2) == 'd_' then return end
  if known ~= epoch or tonumber(reached) <= tonumber(offset) then
    redis.call('SET', key, epoch .. ' ' .. offset .. ' ' .. id, 'PX', ms)
  end
end
`;

/** Keeps a thread's position beyond the life of its log. ARGV: epoch, offset, id, ms that it lives. */
export const KEEP_POSITION = script(`${KEEP}keep(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])`);

/** Writes how many members a node has in a thread. ARGV: node, members, ms that the hash lives. */
export const ANNOUNCE = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
`);

/**
 * Reports that a node is alive, and reads when each node last did.
 *
 * ARGV: now or '', node, ms after which a node is forgotten. Answers `{now, when this node reported before or '', node, ms, ...}`.
 */
export const BEAT = script(`${TIME}
local before = redis.call('ZSCORE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', tonumber(now) - tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local reply = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
table.insert(reply, 1, before or '')
table.insert(reply, 1, now)
return reply
`);

/** Writes which members a node has in a thread. ARGV: ms that the set lives, `node member`, ... */
export const ENLIST = script(`
redis.call('SADD', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
`);

/** `answer` reads a key, `remember` writes it; each write removes a few that are too old. ARGV: now or '', ms that they are known, key. */
const ANSWERS = `${TIME}
local lifeMs, key = tonumber(ARGV[2]), '=' .. ARGV[3]
local function answer(field)
  local ms, rest = string.match(redis.call('HGET', KEYS[1], field) or '', '^(%d+) (.*)$')
  if ms and tonumber(ms) + lifeMs > tonumber(now) then return rest end
end
local function remember(value)
  local first, last = unpack(redis.call('HMGET', KEYS[1], 'first', 'last'))
  first, last = tonumber(first or '1'), tonumber(last or '0') + 1
  redis.call('HSET', KEYS[1], key, now .. ' ' .. value, last, now .. ' ' .. key)
  for n = 1, 8 do
    local ms, old = string.match(redis.call('HGET', KEYS[1], first) or '', '^(%d+) (.*)$')
    if not ms or tonumber(ms) + lifeMs > tonumber(now) then break end
    if not answer(old) then redis.call('HDEL', KEYS[1], old) end
    redis.call('HDEL', KEYS[1], first)
    first = first + 1
  end
  redis.call('HSET', KEYS[1], 'first', first, 'last', last)
  redis.call('PEXPIRE', KEYS[1], lifeMs)
end
`;

/**
 * Claims the key of a request, unless it is answered or another node has claimed it.
 *
 * ARGV after those of ANSWERS: this node, and a node whose claim is void or ''. Answers '' if this node has it now, else `C<node>` or
 * `A<answer>`.
 */
export const CLAIM = script(`${ANSWERS}
local value = answer(key)
if value and value ~= 'C' .. ARGV[4] and value ~= 'C' .. ARGV[5] then return value end
remember('C' .. ARGV[4])
return ''
`);

/** Remembers an answer; the first one stays. ARGV after those of ANSWERS: the answer. */
export const ANSWER = script(`${ANSWERS}
if string.sub(answer(key) or '', 1, 1) ~= 'A' then remember('A' .. ARGV[4]) end
`);

/** Gives a claim up. ARGV after those of ANSWERS: this node. */
export const RELEASE = script(`${ANSWERS}
if answer(key) == 'C' .. ARGV[4] then redis.call('HDEL', KEYS[1], key) end
`);
