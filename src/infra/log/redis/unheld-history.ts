import type { Entry } from '../../../api/entry.ts';
import { LogBuffer } from '../log-buffer.ts';
import { draftOf } from './codec.ts';
import type { LogReader } from './log-reader.ts';
import type { RedisLogSettings } from './options.ts';

/**
 * Reads the entries after an offset of a thread that this process does not hold. A newer entry may supersede an older one, so it reads all
 * entries that Redis has.
 */
export async function readUnheld(
  threadId: string,
  source: LogReader,
  { clock, retentionOf }: RedisLogSettings,
  offset: number,
  limit: number,
): Promise<Entry[]> {
  const standing = await source.standing();
  if (standing === undefined) return [];
  const { epoch, head, headId, now: redisNow } = standing;
  const now = clock.now();
  const retention = retentionOf(threadId);
  const buffer = new LogBuffer(epoch, retention, now);
  const first = Math.max(offset + 1, head - retention.maxEntries + 1, 1);
  buffer.restart({ epoch, offset: first - 1, id: headId }, now);
  while (buffer.head < head) {
    const page = await source.after(buffer.head + 1, epoch);
    if (page.length === 0) break;
    for (const arrival of page) {
      if (arrival.offset > buffer.head + 1) buffer.restart({ epoch, offset: arrival.offset - 1, id: '' }, now);
      const loggedAt = Math.min(now, now - (redisNow - arrival.at));
      buffer.append(draftOf(threadId, arrival, loggedAt), now, loggedAt);
    }
  }
  buffer.trim(now);
  return buffer.readAfter(offset, limit, now);
}
