import { beforeEach, describe, expect, it } from 'vitest';
import type { DeliveryLog, Entry } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { appendAll, draft, hold, names, startLog, startRedis, until, untilInTime } from '../support/redis-nodes.ts';

const textOf = ({ body }: Entry): string => Buffer.concat(body.chunks).toString();

let server: RedisServer;
let here: DeliveryLog;
let there: DeliveryLog;

beforeEach(async () => {
  server = await startRedis();
  here = startLog({ url: server.url });
  there = startLog({ url: server.url });
});

describe('two nodes with one Redis', () => {
  it('report the same entries in the same order, each once, whoever appended them', async () => {
    const [one, two] = [await hold(here), await hold(there)];
    await Promise.all([appendAll(here, names(1, 300, 'a')), appendAll(there, names(1, 300, 'b'))]);
    await until(() => one.entries.length >= 600 && two.entries.length >= 600);
    expect(one.entries.map(({ id }) => id)).toEqual(two.entries.map(({ id }) => id));
    expect(one.entries.map(({ offset }) => offset)).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
    const own = one.entries.filter(({ id }) => id.startsWith('a')).map(({ id }) => id);
    expect(own).toEqual(names(1, 300, 'a'));
    expect([...one.resets, ...two.resets]).toEqual([]);
  });

  it('carry all that an entry is', async () => {
    const { entries } = await hold(there);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const facts = { lane: 'critical', key: 'k', expiresAt: performance.now() + 60_000, traceparent } as const;
    await here.append(draft('a', facts));
    await until(() => entries.length === 1);
    const [entry] = entries;
    expect(entry).toMatchObject({ threadId: 't', offset: 1, id: 'a', lane: 'critical', key: 'k', traceparent });
    expect(entry?.expiresAt).toBeGreaterThan(facts.expiresAt - 5_000);
    expect(entry?.expiresAt).toBeLessThan(facts.expiresAt + 5_000);
    expect(entry && textOf(entry)).toBe('"a"');
  });

  it('do not send a large message twice through Redis, and have it all the same', async () => {
    const { entries } = await hold(there);
    const sizes: number[] = [];
    const spy = startLog({ url: server.url });
    await hold(spy);
    await here.append(draft('big', { bytes: 3_000_000 }));
    await here.append(draft('small'));
    await until(() => entries.length === 2);
    expect(entries.map(({ body }) => body.bytes)).toEqual([3_000_000, 7]);
    const info = String(await server.run(['INFO', 'stats']));
    sizes.push(Number(/total_net_output_bytes:(\d+)/.exec(info)?.[1]));
    // once to each of the two that did not append it, and to the publisher not at all
    expect(sizes[0]).toBeLessThan(6_500_000);
  });

  it('append a message once, whoever is first with its id', async () => {
    const [one, two] = [await hold(here), await hold(there)];
    const answers = await Promise.all(
      [here, there, here, there].map(async (log) => log.append(draft('same', { bytes: 20 }))),
    );
    expect(answers.map(({ entry }) => entry.offset)).toEqual([1, 1, 1, 1]);
    expect(answers.filter(({ isDuplicate }) => !isDuplicate)).toHaveLength(1);
    await until(() => one.entries.length === 1 && two.entries.length === 1);
    expect((await here.position('t')).offset).toBe(1);
  });

  it('tell each other notes in order, and not themselves', async () => {
    const [one, two] = [await hold(here), await hold(there)];
    for (const note of names(1, 50)) here.notify?.('t', `${note} ü\n`);
    here.notify?.('other', 'not for them');
    await here.append(draft('last'));
    await until(() => two.entries.length === 1);
    expect(two.notes).toEqual(names(1, 50).map((note) => `${note} ü\n`));
    expect(one.notes).toEqual([]);
  });

  it('begin at the end, and read older entries when somebody needs them', async () => {
    await appendAll(here, names(1, 400));
    const { subscription, ids } = await hold(there);
    const { tail } = subscription;
    expect([tail.first, tail.head, tail.headId]).toEqual([401, 400, 'm400']);
    await subscription.reach?.({ epoch: tail.epoch, offset: 390, id: 'm390' });
    expect(ids()).toEqual(names(390, 400));
    await Promise.all([
      subscription.reach?.({ epoch: tail.epoch, offset: 200, id: 'm200' }),
      subscription.reach?.('start'),
      here.append(draft('m401')),
    ]);
    await until(() => tail.head === 401);
    expect(ids()).toEqual(names(1, 401));
    expect(subscription.reach?.('start')).toBeUndefined();
  });

  it('know what was superseded, also among what they read later', async () => {
    for (const [id, key] of [
      ['a', 'k'],
      ['b', 'l'],
      ['c', 'k'],
    ] as const)
      await here.append(draft(id, { key }));
    const { subscription } = await hold(there);
    await here.append(draft('d', { key: 'l' }));
    await until(() => subscription.tail.head === 4);
    await subscription.reach?.('start');
    const { tail } = subscription;
    expect([1, 2, 3, 4].map((offset) => tail.at(offset)?.isSuperseded)).toEqual([true, true, false, false]);
  });

  it('wait for a position that a client has from the other node before they call it ahead', async () => {
    const { subscription } = await hold(there);
    const { entry } = await here.append(draft('a'));
    const { epoch } = await here.position('t');
    await subscription.reach?.({ epoch, offset: entry.offset, id: 'a' });
    expect(subscription.tail.head).toBe(1);
  });

  it('leave nothing subscribed that nobody reads', async () => {
    const held = await Promise.all(names(1, 20).map((threadId) => hold(here, threadId)));
    expect(await server.run(['PUBSUB', 'CHANNELS', 'tc:v2:{*'])).toHaveLength(20);
    for (const { subscription } of held) subscription.unsubscribe();
    await until(async () => {
      const channels = await server.run(['PUBSUB', 'CHANNELS', 'tc:v2:{*']);
      return Array.isArray(channels) && channels.length === 0;
    });
  });

  it('know how many members each has, also of a Redis that has come back with nothing', async () => {
    const clock = new VirtualClock();
    const log = startLog({ url: server.url, clock, timeoutMs: 60_000, commandTimeoutMs: 60_000 });
    await hold(log);
    // the first round of comparisons, which writes everything again, is over; the next one is a minute away
    await clock.advance(1_000);
    log.announce?.('t', 3);
    await until(async () => (await there.membersElsewhere?.('t')) === 3);
    await server.kill();
    await server.start();
    await untilInTime(clock, async () => (await there.membersElsewhere?.('t')) === 3);
    // one command of the log that ends is enough, however many threads it has
    await log.close();
    // the other two write themselves again when their time has come
    await until(async () => (await server.run(['ZCARD', 'tc:v2:nodes'])) === 2);
    await until(async () => (await there.membersElsewhere?.('t')) === 0);
    expect(await there.membersElsewhere?.('t')).toBe(0);
  });

  it('hold so much in memory at most, and read the rest from Redis again for who needs it', async () => {
    const log = startLog({ url: server.url, maxTotalBytes: 200_000 });
    const threads = names(1, 10);
    const held = await Promise.all(threads.map((threadId) => hold(log, threadId)));
    for (const threadId of threads) {
      const sent = names(1, 20).map(async (id) => log.append(draft(id, { threadId, bytes: 1_000 })));
      await Promise.all(sent);
    }
    log.sweep();
    const counts = held.map(({ ids }) => ids().length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(100);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    for (const { ids } of held) expect(ids().at(-1)).toBe('m20');
    await held[0]?.subscription.reach?.('start');
    expect(held[0]?.ids()).toEqual(names(1, 20));
    // what has not been offered yet stays
    held[0]?.subscription.hold(0);
    log.sweep();
    expect(held[0]?.ids()).toEqual(names(1, 20));
  });

  it('read the history of a thread that is closed meanwhile', async () => {
    await appendAll(here, names(1, 5));
    const { subscription } = await hold(there);
    const reading = there.readAfter('t', 0, 10);
    subscription.unsubscribe();
    expect((await reading).map(({ id }) => id)).toEqual(names(1, 5));
  });
});
