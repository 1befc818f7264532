import type { Entry } from '../../../api/entry.ts';
import type { LogPage } from '../../../api/log.ts';
import { makeEntry } from '../entry.ts';
import { bytesOf, type Anchor, type Arrival } from '../shared/arrival.ts';
import { draftOf } from '../shared/draft-of.ts';
import type { LogReader } from './log-reader.ts';
import type { PostgresLogSettings } from './options.ts';

/** Messages after an offset, from the table. */
export async function readAfterFromTable(
  threadId: string,
  source: LogReader,
  { clock }: PostgresLogSettings,
  offset: number,
  limit: number,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let after = offset; entries.length < limit;) {
    const { anchor, arrivals } = await source.messages({
      after,
      before: Infinity,
      isUpwards: true,
      limit: limit - entries.length,
    });
    const last = arrivals.at(-1);
    if (last === undefined) break;
    for (const arrival of arrivals) entries.push(entryOf(threadId, arrival, anchor, clock.now()));
    after = last.offset;
  }
  return entries;
}

/** The newest messages before an offset, from the table. */
export async function readBeforeFromTable(
  threadId: string,
  source: LogReader,
  { clock }: PostgresLogSettings,
  before: number,
  limit: number,
  maxBytes: number,
): Promise<LogPage> {
  const entries: Entry[] = [];
  let bytes = 0;
  for (let below = before; ;) {
    const { anchor, first, arrivals } = await source.messages({
      after: 0,
      before: below,
      isUpwards: false,
      limit: limit + 1 - entries.length,
    });
    const page = (hasOlder: boolean): LogPage => ({
      position: { epoch: anchor.epoch, offset: anchor.head, id: anchor.headId },
      first,
      entries: entries.reverse(),
      hasOlder,
    });
    for (const arrival of arrivals) {
      bytes += bytesOf(arrival);
      if (entries.length === limit || (entries.length > 0 && bytes > maxBytes)) return page(true);
      entries.push(entryOf(threadId, arrival, anchor, clock.now()));
    }
    const last = arrivals.at(-1);
    if (last === undefined) return page(false);
    below = last.offset;
  }
}

function entryOf(threadId: string, arrival: Arrival, anchor: Anchor, now: number): Entry {
  const loggedAt = Math.min(now, now - (anchor.now - arrival.at));
  return makeEntry(draftOf(threadId, arrival, loggedAt), arrival.offset, loggedAt, arrival.at);
}
