import { expect, it } from 'vitest';
import { SharedBody } from '../../../src/infra/log/shared-body.ts';
import { PendingAppend } from '../../../src/infra/log/shared/pending-appends.ts';
import type { Anchor, Arrival } from '../../../src/infra/log/shared/arrival.ts';
import { resolveRedisLog } from '../../../src/infra/log/redis/options.ts';
import { SharedTail } from '../../../src/infra/log/shared/tail.ts';

const settings = resolveRedisLog({});

/** A tail that asks a Redis which answers when it is told to. */
function hold() {
  const own = new Map<string, PendingAppend>();
  const asked: ((anchor: Anchor) => void)[] = [];
  const log: Arrival[] = [];
  const tail = new SharedTail({
    threadId: 't',
    settings,
    source: {
      anchor: () => new Promise((resolve) => void asked.push(resolve)),
      after: (from) => Promise.resolve(log.filter(({ offset }) => offset >= from)),
      before: () => Promise.resolve([]),
      idsBefore: () => Promise.resolve([]),
      oldest: () => Promise.resolve(undefined),
    },
    isClosed: false,
    subscribed: () => Promise.resolve(),
    ownAppend: (id) => own.get(id),
    onEntry: () => {},
    onReset: () => {},
    onSilence: () => {},
    makeRoom: () => Promise.resolve(true),
  });
  const answer = async (): Promise<void> => {
    await expect.poll(() => asked.length).toBe(1);
    const newest = log.at(-1);
    const position = { head: newest?.offset ?? 0, headId: newest?.id ?? '' };
    asked.shift()?.({ epoch: 'e', now: 1, known: undefined, ...position });
  };
  const append = (id: string): PendingAppend => {
    const body = new SharedBody([Buffer.from(`"${id}"`)]);
    const append = new PendingAppend({ threadId: 't', id, lane: 'normal', body, expiresAt: Infinity }, 0, { at: 0 });
    own.set(id, append);
    return append;
  };
  return { tail, log, answer, append };
}

function arrival(offset: number, id: string, body?: Buffer): Arrival {
  const header = { by: settings.nodeId, isCritical: false, key: undefined, ms: undefined, traceparent: undefined };
  return {
    epoch: 'e',
    offset,
    at: 1,
    id,
    header: { ...header, kind: 'message', target: undefined, except: undefined, isShared: false, isEdited: false },
    body: body && [body],
  };
}

it('an answer that a failover made untrue fails at once when another message has its offset', async () => {
  const { tail, log, answer, append } = hold();
  const ready = tail.ready();
  await answer();
  await ready;
  const [lost, kept] = [append('lost'), append('kept')];
  const done = tail.catchUp();
  tail.place(arrival(1, 'lost'), lost);
  // the replica had not got it, and is the master now
  tail.place(arrival(1, 'kept'), kept);
  log.push(arrival(1, 'kept', Buffer.from('"kept"')));
  await answer();
  await done;
  await expect(lost.promise).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  await expect(kept.promise).resolves.toMatchObject({ entry: { id: 'kept', offset: 1 }, isDuplicate: false });
});

it('a notice that comes after the answer does not take the answer’s place', async () => {
  const { tail, log, answer, append } = hold();
  const ready = tail.ready();
  await answer();
  await ready;
  const own = append('m');
  const done = tail.catchUp();
  tail.place(arrival(1, 'm'), own);
  tail.place(arrival(1, 'm', Buffer.from('"m"')));
  await answer();
  await done;
  await expect(own.promise).resolves.toMatchObject({ entry: { id: 'm', offset: 1 }, isDuplicate: false });
  expect(log).toEqual([]);
});

it('what Redis has answered is settled when nobody reads the thread any more', async () => {
  const { tail, append } = hold();
  void tail.catchUp();
  const own = append('m');
  tail.place(arrival(1, 'm'), own);
  tail.end();
  await expect(own.promise).resolves.toMatchObject({ entry: { offset: 1 }, isDuplicate: false });
});
