import type { Entry } from '../../../api/entry.ts';
import type { LogPage } from '../../../api/log.ts';
import type { StoredDraft } from '../entry.ts';
import { LogBuffer } from '../log-buffer.ts';
import { readAfter, readBefore } from '../pages.ts';
import { draftOf } from '../shared/draft-of.ts';
import type { LogReader } from './log-reader.ts';
import type { RedisLogSettings } from './options.ts';
import type { SharedTail } from '../shared/tail.ts';

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
  return readAfter(buffer, offset, limit, now);
}

/** Entries that a page may have besides its messages, edits for example, for which no second page is read. */
const SLACK = 8;

/** Reads the newest entries before an offset of such a thread: from the end, because a newer entry may supersede an older one. */
export async function readUnheldBefore(
  threadId: string,
  source: LogReader,
  { clock, retentionOf }: RedisLogSettings,
  before: number,
  limit: number,
  maxBytes: number,
): Promise<LogPage> {
  const standing = await source.standing();
  if (standing === undefined) {
    const position = (await source.former()) ?? { epoch: '', offset: 0, id: '' };
    return { position, first: position.offset + 1, entries: [], hasOlder: false };
  }
  const { epoch, head, headId, now: redisNow } = standing;
  const now = clock.now();
  const retention = retentionOf(threadId);
  const buffer = new LogBuffer(epoch, retention, now);
  buffer.restart({ epoch, offset: head, id: headId }, now);
  // the newest messages: mostly one small page
  let first: number | undefined = before > head ? limit + SLACK : undefined;
  for (;;) {
    const page = readBefore(buffer, before, limit, maxBytes, now);
    const isFull = buffer.head - buffer.first + 1 >= retention.maxEntries;
    if (page.hasOlder || buffer.first === 1 || isFull) return page;
    const older: StoredDraft[] = [];
    for (const arrival of await source.before(buffer.first - 1, 1, epoch, first)) {
      const loggedAt = Math.min(now, now - (redisNow - arrival.at));
      if (arrival.offset !== buffer.first - 1 - older.length || loggedAt + retention.maxAgeMs <= now) break;
      older.push({ draft: draftOf(threadId, arrival, loggedAt), offset: arrival.offset, loggedAt });
    }
    if (older.length === 0) return page;
    first = undefined;
    buffer.prepend(older.reverse());
  }
}

/** Reads them of a thread that this process holds, as far as it has to. */
export async function readHeldBefore(
  tail: SharedTail,
  source: LogReader,
  { clock }: RedisLogSettings,
  before: number,
  limit: number,
  maxBytes: number,
): Promise<LogPage> {
  await tail.ready();
  // what another process has appended may still be on its way here
  const standing = before > tail.buffer.head + 1 ? await source.standing() : undefined;
  if (standing !== undefined) await tail.reach({ epoch: standing.epoch, offset: standing.head, id: standing.headId });
  for (let span = limit; ; span *= 4) {
    const { buffer } = tail;
    const oldest = Math.max(1, Math.min(before - 1, buffer.head) - span);
    await tail.reach({ epoch: buffer.epoch, offset: Math.min(oldest, buffer.head), id: '' });
    const page = readBefore(buffer, before, limit, maxBytes, clock.now());
    if (page.hasOlder || oldest === 1 || buffer.first > oldest) return page;
  }
}
