import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { LogUnavailableError, makeBody, makeTail, releaseDraft } from 'threadcast';
import type { Appended, Clock, DeliveryLog, EntryDraft, ThreadTail } from 'threadcast';

/** Messages of one process that survive its restart, in an SQLite file. */
export function sqliteLog(path: string, clock?: Clock): DeliveryLog {
  const now = (): number => clock?.now() ?? performance.now();
  const wallTime = (): number => clock?.wallTime?.() ?? Date.now();
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA secure_delete = ON;
    CREATE TABLE IF NOT EXISTS epochs (thread TEXT PRIMARY KEY, epoch TEXT) STRICT;
    CREATE TABLE IF NOT EXISTS entries (thread TEXT, o INTEGER, id TEXT, target TEXT, facts TEXT, body BLOB,
      PRIMARY KEY (thread, o)) STRICT`);
  const epochOf = db.prepare('INSERT INTO epochs VALUES (?, ?) ON CONFLICT DO UPDATE SET epoch = epoch RETURNING *');
  const setEpoch = db.prepare('REPLACE INTO epochs VALUES (?, ?)');
  const insert = db.prepare('INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)');
  const rowsOf = db.prepare('SELECT o, id, target, facts, body FROM entries WHERE thread = ? ORDER BY o');
  const empty = db.prepare(`UPDATE entries SET body = x'' WHERE thread = ? AND (id = ? OR target = ?)`);
  const drop = db.prepare('DELETE FROM entries WHERE thread = ? AND o < ?');
  const tails = new Map<string, ThreadTail>();

  const open = (thread: string): ThreadTail => {
    const opened = tails.get(thread);
    if (opened) return opened;
    const epoch = String(epochOf.get(thread, randomUUID())?.['epoch']);
    const tail = makeTail({ epoch, clock });
    for (const { o, id, target, facts, body } of rowsOf.all(thread)) {
      const chunks = body instanceof Uint8Array ? [body] : [];
      if (tail.head === 0) tail.restart({ epoch, offset: Number(o) - 1, id: '' }, 'trimmed');
      const of = { threadId: thread, id: String(id), target: target === null ? undefined : String(target) };
      const { ttl, ...rest } = JSON.parse(String(facts));
      const expiresAt = now() + (ttl ?? Infinity) + rest.at - wallTime();
      tail.add({ ...rest, ...of, expiresAt, body: makeBody(chunks) });
    }
    tails.set(thread, tail);
    return tail;
  };

  const append = (draft: EntryDraft): Appended => {
    const { threadId, id, target = null, lane, kind, except, isShared, key, traceparent, body } = draft;
    const tail = open(threadId);
    const known = tail.known(draft);
    if (known) return known;
    const at = Math.floor(wallTime());
    const facts = { lane, kind, except, isShared, key, traceparent, at, ttl: draft.expiresAt - now() };
    try {
      db.exec('BEGIN');
      // an edit or a removal erases what was there
      if (target !== null) empty.run(threadId, target, target);
      insert.run(threadId, tail.head + 1, id, target, JSON.stringify(facts), Buffer.concat(body.chunks));
      db.exec('COMMIT');
    } catch (cause) {
      if (db.isTransaction) db.exec('ROLLBACK');
      releaseDraft(draft);
      throw new LogUnavailableError({ threadId, reason: 'SQLite', cause });
    }
    return { entry: tail.add({ ...draft, at }), isDuplicate: false };
  };

  return {
    append,
    readAfter: (thread, offset, limit) => open(thread).readAfter(offset, limit),
    readBefore: (thread, before, limit, maxBytes) => open(thread).readBefore(before, limit, maxBytes),
    position: (thread) => open(thread).position,
    subscribe: (thread, onEntry, _onNodeMessage, onReset) => open(thread).subscribe(onEntry, onReset),
    erase: (thread) => {
      const epoch = randomUUID();
      setEpoch.run(thread, epoch);
      drop.run(thread, Infinity);
      tails.get(thread)?.restart({ epoch, offset: 0, id: '' }, 'deleted');
    },
    // the newest row stays: the offsets go on from it
    sweep: () => tails.forEach((tail, id) => void (tail.trim() && drop.run(id, Math.min(tail.first, tail.head)))),
    close: () => {
      for (const tail of tails.values()) tail.clear();
      db.close();
    },
  };
}
