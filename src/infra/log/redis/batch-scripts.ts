import { THREAD, TIME, TRIM } from './script-parts.ts';
import { KEEP, script } from './scripts.ts';

/*
 * Scripts for many threads at once, with several keys: for Redis without a cluster. ARGV of those that keep threads begins as that of
 * the others, without an epoch, offset and id.
 */

/**
 * Reads the positions of held but quiet threads; trims and keeps them, and writes only what is due. Answers `epoch or '', offset, id` of each.
 */
export const HEADS = script(`${TIME}${THREAD}${TRIM}
local reply = {}
for n = 1, #KEYS do
  local thread = open(KEYS[n])
  if thread then
    local before = thread.first + thread.known
    trim(KEYS[n], thread, 16)
    if thread.first + thread.known ~= before then save(KEYS[n], thread)
    elseif redis.call('PTTL', KEYS[n]) < tonumber(ARGV[6]) / 2 then redis.call('PEXPIRE', KEYS[n], ARGV[6]) end
    reply[n * 3 - 2], reply[n * 3 - 1], reply[n * 3] = thread.epoch, thread.head, thread.id
  else
    reply[n * 3 - 2], reply[n * 3 - 1], reply[n * 3] = '', 0, ''
  end
end
return reply
`);

/**
 * `ANCHOR` for many threads, which writes only what is due. KEYS: of each its log and its position. ARGV after the common ones, of each: an epoch
 * to begin with, a known epoch and offset, or ''. Answers with what `ANCHOR` answers, of each, and how many connections listen to its channel: 0
 * if Redis does not say.
 */
export const ANCHORS = script(`${TIME}${THREAD}${TRIM}
local reply, channels = {}, {}
for n = 1, #KEYS / 2 do channels[n] = string.sub(KEYS[n * 2 - 1], 1, -4) .. 'news' end
local listeners = redis.pcall('PUBSUB', 'NUMSUB', unpack(channels))
for n = 1, #KEYS / 2 do
  local key, at = KEYS[n * 2 - 1], 4 + n * 3
  local thread = open(key, KEYS[n * 2], ARGV[at], '0', '')
  local before = thread.first + thread.known
  trim(key, thread, 16)
  if thread.isNew or thread.first + thread.known ~= before then save(key, thread)
  elseif redis.call('PTTL', key) < tonumber(ARGV[6]) / 2 then redis.call('PEXPIRE', key, ARGV[6]) end
  local known = false
  if ARGV[at + 1] == thread.epoch and ARGV[at + 2] ~= '0' and tonumber(ARGV[at + 2]) < thread.head then
    local value = redis.call('HGET', key, ARGV[at + 2])
    if value then known = string.match(value, '^.%d+ (%S+) ') end
  end
  reply[n] = { thread.epoch, thread.head, thread.id, now, known, listeners[n * 2] or 0 }
end
return reply
`);

/** Most ids of a thread in one answer, and bytes of their entries, which Redis has to read. */
export const MAX_IDS = 512;
const MAX_ID_BYTES = 262_144;

/**
 * Ids of entries in descending order, of many threads. ARGV of each thread: epoch, from, to. Answers `{epoch or '', offset, id, ...}` of each.
 */
export const IDS = script(`
local reply = {}
for n = 1, #KEYS do
  local epoch, head, first = unpack(redis.call('HMGET', KEYS[n], 'e', 'o', 'f'))
  local ids, bytes = { epoch or '' }, 0
  if epoch == ARGV[n * 3 - 2] then
    local from = math.min(tonumber(ARGV[n * 3 - 1]), tonumber(head))
    for at = from, math.max(tonumber(ARGV[n * 3]), tonumber(first), from - ${MAX_IDS - 1}), -1 do
      local value = redis.call('HGET', KEYS[n], string.format('%.0f', at)) or ''
      local id = string.match(value, '^.%d+ (%S+) ')
      if id then
        ids[#ids + 1] = at
        ids[#ids + 1] = id
      end
      bytes = bytes + #value
      if bytes >= ${MAX_ID_BYTES} then break end
    end
  end
  reply[n] = ids
end
return reply
`);

/** `ANNOUNCE` for many threads, and the end of it. ARGV: node, ms that the hashes live, then the members in each; 0 removes the field. */
export const ANNOUNCEMENTS = script(`
for n = 1, #KEYS do
  if ARGV[n + 2] == '0' then redis.call('HDEL', KEYS[n], ARGV[1])
  else
    redis.call('HSET', KEYS[n], ARGV[1], ARGV[n + 2])
    redis.call('PEXPIRE', KEYS[n], ARGV[2])
  end
end
return {}
`);

/** `ENLIST` for many threads, one member in each. ARGV: ms that the sets live, then of each `node member`. */
export const ENLISTMENTS = script(`
for n = 1, #KEYS do
  redis.call('SADD', KEYS[n], ARGV[n + 1])
  redis.call('PEXPIRE', KEYS[n], ARGV[1])
end
return {}
`);

/** `KEEP_POSITION` for many threads. ARGV: ms that they live, then of each its epoch, offset and id. */
export const KEEP_POSITIONS = script(`${KEEP}
for n = 1, #KEYS do keep(KEYS[n], ARGV[n * 3 - 1], ARGV[n * 3], ARGV[n * 3 + 1], ARGV[1]) end
return {}
`);

/** Publishes node messages. ARGV: of each its channel and the message. */
export const MESSAGES = script(`
for n = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[n], ARGV[n + 1]) end
return {}
`);
