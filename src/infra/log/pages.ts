import type { Entry } from '../../api/entry.ts';
import type { LogPage, LogTail } from '../../api/log.ts';

/** Messages that are still worth delivering after an offset, oldest first. */
export function readAfter(tail: LogTail, offset: number, limit: number, now: number): Entry[] {
  const entries: Entry[] = [];
  for (let at = Math.max(offset + 1, tail.first); at <= tail.head && entries.length < limit; at++) {
    const entry = tail.at(at);
    if (isMessage(entry, now)) entries.push(entry);
  }
  return entries;
}

/** The newest of them before an offset, oldest first; see `DeliveryLog.readBefore`. */
export function readBefore(tail: LogTail, before: number, limit: number, maxBytes: number, now: number): LogPage {
  const { epoch, first, head, headId } = tail;
  const entries: Entry[] = [];
  let bytes = 0;
  let hasOlder = false;
  for (let at = Math.min(before - 1, head); at >= first && !hasOlder; at--) {
    const entry = tail.at(at);
    if (!isMessage(entry, now)) continue;
    bytes += entry.body.bytes;
    hasOlder = entries.length === limit || (entries.length > 0 && bytes > maxBytes);
    if (!hasOlder) entries.push(entry);
  }
  return { position: { epoch, offset: head, id: headId }, first, entries: entries.reverse(), hasOlder };
}

function isMessage(entry: Entry | undefined, now: number): entry is Entry {
  return entry?.kind === 'message' && entry.isDeliverable(now);
}
