import { afterEach, describe, expect, it } from 'vitest';
import { memoryLog, streamArray, type HubOptions } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { slowLog } from '../support/slow-log.ts';

let harness: Harness;

function start(options: HubOptions = {}): Harness {
  harness = makeHarness(options);
  return harness;
}

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
  expect(harness.errors).toEqual([]);
});

function accept(userId?: string) {
  const link = new FakeLink();
  return { link, connection: harness.hub.accept(link.attach, userId === undefined ? {} : { userId }) };
}

describe('limits', () => {
  it('rejects a connection too many', () => {
    start({ maxConnections: 3, maxConnectionsPerUser: 2 });
    accept('ada');
    accept('ada');
    expect(() => accept('ada')).toThrow(
      expect.objectContaining({ code: 'TC_TOO_MANY_CONNECTIONS', limit: 2, userId: 'ada' }),
    );
    accept('bob');
    expect(() => accept('eve')).toThrow(expect.objectContaining({ code: 'TC_TOO_MANY_CONNECTIONS', limit: 3 }));
    expect(harness.hub.stats().connections.total).toBe(3);
  });

  it('or evicts the oldest, of the user or of all', () => {
    start({ maxConnections: 3, maxConnectionsPerUser: 2, whenFull: 'evict-oldest' });
    const [first, second] = [accept('bob'), accept('ada')];
    accept('ada');
    accept('ada');
    expect(second.link.closeCode).toBe(4409);
    expect(first.link.isClosed).toBe(false);
    accept('eve');
    expect(first.link.closeCode).toBe(4409);
    expect(harness.hub.stats().connections.total).toBe(3);
  });

  it('evicts nobody for a socket that cannot be taken over', () => {
    const { hub } = start({ maxConnections: 1, whenFull: 'evict-oldest' });
    const { connection } = accept();
    const failing = (): never => {
      throw new Error('no socket');
    };
    expect(() => hub.accept(failing)).toThrow('no socket');
    expect(connection.state).toBe('open');
  });

  it('evicts who is too many critical messages behind, and nobody else', async () => {
    const { run, hub } = start({ maxCriticalBehind: 10 });
    const [well, stalled] = [accept(), accept()];
    await well.connection.join('t');
    await stalled.connection.join('t');
    stalled.link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    for (let i = 0; i < 10; i++) await run(hub.thread('t').send(i, { lane: 'critical' }));
    expect(stalled.connection.state).toBe('open');
    await run(hub.thread('t').send(10, { lane: 'critical' }));
    expect(stalled.connection.state).toBe('evicted');
    expect(dataOf(well.link)).toHaveLength(12);
  });

  it.each([1_000, Infinity])('closes a connection that is idle, however well it answers pings (%d)', async (most) => {
    const { clock } = start({ idleConnectionMs: 60_000, maxInputPerSecond: most });
    const [idle, member, leaving, busy] = [accept(), accept(), accept(), accept()];
    await member.connection.join('t');
    await leaving.connection.join('t');
    for (let second = 1; second <= 62; second++) {
      await clock.advance(1_000);
      busy.link.say({ t: 'ack', th: 't', o: 1 });
      if (second === 50) leaving.connection.leave('t');
    }
    expect(idle.link.closeCode).toBe(4406);
    for (const { link } of [member, leaving, busy]) expect(link.isClosed).toBe(false);
    await clock.advance(50_000);
    expect(leaving.link.closeCode).toBe(4406);
    expect(busy.link.isClosed).toBe(false);
    await clock.advance(12_000);
    expect(busy.link.closeCode).toBe(4406);
    expect(member.link.isClosed).toBe(false);
  });

  it('a user who is in no thread is idle as well, whatever the library has joined by itself', async () => {
    const { clock, hub, run } = start({ idleConnectionMs: 60_000 });
    const [ada, bob] = [accept('ada'), accept('bob')];
    await run(hub.user('ada').send('hello'));
    await run(ada.connection.send('to you'));
    await run(bob.connection.join('t'));
    await run(hub.user('bob').send('hello'));
    await clock.advance(59_000);
    expect(ada.link.isClosed).toBe(false);
    await clock.advance(2_000);
    expect(ada.link.closeCode).toBe(4406);
    expect(bob.link.isClosed).toBe(false);
    bob.connection.leave('t');
    await clock.advance(62_000);
    expect(bob.link.closeCode).toBe(4406);
  });

  it('evicts a client that makes too many notices wait', async () => {
    const { clock, hub, run } = start({ maxThreadsPerConnection: 1 });
    const link = new FakeLink();
    const connection = hub.accept(link.attach);
    await connection.join('t');
    link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    for (let i = 0; i < 1_500; i++) link.say({ t: 'join', th: 'another' });
    await clock.settle();
    expect(connection.state).toBe('evicted');
  });
});

describe('users', () => {
  it('get what is sent to them on all their connections, also on later ones, and can resume', async () => {
    const { hub, run, clock } = start();
    const [phone, laptop, other] = [accept('ada@example.org'), accept('ada@example.org'), accept('bob')];
    const user = hub.user('ada@example.org');
    expect(await run(user.send('hello'))).toMatchObject({ recipients: 2, written: 2 });
    const tablet = accept('ada@example.org');
    await clock.settle();
    await run(user.send('again'));
    expect(user.connections).toHaveLength(3);
    expect([phone, laptop, tablet, other].map(({ link }) => dataOf(link))).toEqual([
      ['hello', 'again'],
      ['hello', 'again'],
      ['again'],
      [],
    ]);
    const [joined] = framesOf(phone.link, 'joined');
    const [first] = framesOf(phone.link, 'msg');
    const epoch = String(joined?.['pos']).split('.')[0];
    phone.link.hangUp();
    const back = accept('ada@example.org');
    back.link.say({ t: 'inbox', from: `${epoch}.1.${String(first?.['id'])}` });
    await clock.settle();
    expect(dataOf(back.link)).toEqual(['again']);
  });
});

async function* late(gate: Promise<void>): AsyncGenerator<number> {
  await gate;
  yield 1;
}

describe('a publisher', () => {
  it('is told to slow down', async () => {
    const { hub, run, clock } = start({ readyLimit: 10 });
    const thread = hub.thread('t');
    const sends = Array.from({ length: 10 }, (_, i) => thread.send(i));
    let isReady = false;
    const ready = thread.ready().then(() => (isReady = true));
    expect(isReady).toBe(false);
    await clock.settle();
    await ready;
    await run(Promise.all(sends));
    expect(isReady).toBe(true);
    expect(hub.pressure).toBe(0);
  });

  it('at pressure 1 of the serializer small messages are sent, and big ones refused, as the docs say', async () => {
    const { hub, run } = start({ serializer: { maxQueue: 1 } });
    const gate = Promise.withResolvers<void>();
    const waiting = hub.thread('a').send(streamArray(late(gate.promise)));
    expect(hub.pressure).toBe(1);
    expect(await run(hub.thread('b').send('small'))).toMatchObject({ strategy: 'inline' });
    await expect(run(hub.thread('b').send(streamArray(late(gate.promise))))).rejects.toMatchObject({
      code: 'TC_SERIALIZER_QUEUE_FULL',
    });
    gate.resolve();
    await run(waiting);
    expect(hub.pressure).toBe(0);
  });

  it('is told to wait for the serializer, in a new thread, too', async () => {
    const { hub, run, clock } = start({ serializer: { maxQueue: 2 } });
    const gate = Promise.withResolvers<void>();
    const sends = Promise.all(['a', 'b'].map((id) => hub.thread(id).send(streamArray(late(gate.promise)))));
    const isReady = { open: false, new: false };
    const ready = [
      hub
        .thread('a')
        .ready()
        .then(() => (isReady.open = true)),
      hub
        .thread('new')
        .ready()
        .then(() => (isReady.new = true)),
    ];
    await clock.settle();
    await expect(hub.thread('c').send(streamArray(late(gate.promise)))).rejects.toMatchObject({
      code: 'TC_SERIALIZER_QUEUE_FULL',
    });
    expect(isReady).toEqual({ open: false, new: false });
    gate.resolve();
    await run(sends);
    await Promise.all(ready);
  });

  it('is told to wait while its thread is being opened elsewhere', async () => {
    const clock = new VirtualClock();
    const { hub } = start({ clock, log: slowLog(clock, 100), readyLimit: 1 });
    const sent = hub.thread('t').send(1);
    let isReady = false;
    const ready = hub
      .thread('t')
      .ready()
      .then(() => (isReady = true));
    await clock.advance(50);
    expect(isReady).toBe(false);
    await clock.advance(100);
    await Promise.all([sent, ready]);
  });

  it('reads the history that is still worth it', async () => {
    const { hub, run, clock } = start();
    const thread = hub.thread('t');
    await run(thread.send({ n: 1 }));
    await run(thread.send({ n: 2 }, { conflate: 'k' }));
    await run(thread.send({ n: 3 }, { conflate: 'k' }));
    await run(thread.send({ n: 4 }, { expiresInMs: 10 }));
    await run(thread.send({ n: 5 }));
    await clock.advance(20);
    const all = (await thread.history()).messages;
    expect(all.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 3 }, { n: 5 }]);
    const rest = (await thread.history({ after: all[0]?.position ?? '', limit: 1 })).messages;
    expect(rest.map(({ data }) => data)).toEqual([{ n: 3 }]);
    expect(all.at(-1)?.position).toBe(await thread.position());
    await expect(thread.history({ limit: 0 })).rejects.toMatchObject({ code: 'TC_INVALID_OPTION' });
    await expect(thread.history({ after: 'nonsense' })).rejects.toMatchObject({ code: 'TC_INVALID_POSITION' });
  });

  it('says that it does not know a position of another life of the log, or one beyond its end', async () => {
    const { hub, run } = start();
    const thread = hub.thread('t');
    await run(thread.send(1));
    const position = await thread.position();
    const [epoch, offset, id] = position.split('.');
    const code = 'TC_POSITION_LOST';
    const before = `another.${offset}.${id}`;
    await expect(thread.history({ after: before })).rejects.toMatchObject({
      code,
      threadId: 't',
      position: before,
      why: 'epoch',
    });
    await expect(thread.history({ after: `${epoch}.9.` })).rejects.toMatchObject({ code, why: 'ahead' });
    expect((await thread.history({ after: position })).messages).toEqual([]);
    expect((await thread.history({ after: `${epoch}.0.` })).messages).toHaveLength(1);
  });

  it('reads the history as it was, whatever is sent in the same moment', async () => {
    const clock = new VirtualClock();
    const { hub, run } = start({ clock, log: memoryLog({ clock, maxEntries: 1 }) });
    const message = (text: string): string[] => Array.from({ length: 20_000 }, () => text);
    await run(hub.thread('t').send(message('a')));
    for (let jobs = 0; jobs < 6; jobs++) {
      const read = hub.thread('t').history();
      for (let job = 0; job < jobs; job++) await Promise.resolve();
      // the first trims what is in the log, the second takes its memory
      const sends = Promise.all([hub.thread('t').send(message('a')), hub.thread('u').send(message('b'))]);
      expect((await read).messages.map(({ data }) => data)).toEqual([message('a')]);
      await run(sends);
    }
  });

  it('learns what its message came to for each connection', async () => {
    const { hub, run, clock } = start();
    const links = Array.from({ length: 4 }, () => accept());
    for (const { connection } of links) await connection.join('t');
    const [well, acking, stalled, gone] = links;
    stalled?.link.stall();
    gone?.link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    const receipt = await run(hub.thread('t').send('important', { expiresInMs: 50_000 }));
    const settled = receipt.settled({ until: 'acked' });
    acking?.link.say({ t: 'ack', th: 't', o: 2 });
    gone?.connection.close();
    await clock.advance(2_000);
    stalled?.link.resume();
    await clock.advance(12_000);
    const { outcomes, ...counts } = await settled;
    expect(counts).toEqual({ acked: 3, written: 0, behind: 0, dropped: 0, evicted: 1 });
    expect(outcomes.get(gone?.connection.id ?? '')).toBe('evicted');
    expect(outcomes.get(well?.connection.id ?? '')).toBe('acked');
  });

  it('learns of what was dropped because it was no longer worth it', async () => {
    const { hub, run, clock } = start();
    const { link, connection } = accept();
    await connection.join('t');
    link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    const receipt = await run(hub.thread('t').send('soon stale', { expiresInMs: 1_000 }));
    const settled = receipt.settled();
    const typing = await run(hub.thread('t').send('typing', { lane: 'volatile' }));
    await clock.advance(3_000);
    link.resume();
    await clock.advance(2_000);
    expect(await settled).toMatchObject({ dropped: 1, written: 0, behind: 0 });
    expect(await typing.settled()).toMatchObject({ dropped: 1, outcomes: new Map([[connection.id, 'dropped']]) });
  });
});

describe('memory', () => {
  it('is bounded for all threads together', async () => {
    const { memoryLog } = await import('../../src/index.ts');
    const { hub, run } = start({ log: memoryLog({ maxTotalBytes: 151_200 }) });
    for (let i = 0; i < 50; i++) await run(hub.thread(`t${i}`).send('x'.repeat(10_000)));
    const kept = await Promise.all(Array.from({ length: 50 }, (_, i) => hub.thread(`t${i}`).history()));
    expect(kept.flatMap(({ messages }) => messages)).toHaveLength(9);
    expect(kept.at(-1)?.messages).toHaveLength(1);
  });

  it('of a thousand stalled connections is a cursor each, whatever an hour of traffic brings', async () => {
    if (globalThis.gc === undefined) throw new Error('run with --expose-gc (see vitest.config.ts)');
    // a breaker that never opens: they stay, stalled, for the whole hour; long waits, because each costs the test a timer, and few sweeps
    const { hub, clock } = start({
      breakerThreshold: 1_000_000,
      sendTimeoutMs: 600_000,
      sweepMs: 20_000,
      log: memoryLog({ maxEntries: 200 }),
    });
    for (let i = 0; i < 1_000; i++) {
      const { link, connection } = accept();
      await connection.join('t');
      link.stall();
      link.write = () => {};
    }
    const hour = async (minutes: number): Promise<void> => {
      for (let minute = 0; minute < minutes; minute++) {
        for (let i = 0; i < 5; i++) void hub.thread('t').send({ minute, i, pad: 'x'.repeat(500) });
        await clock.advance(60_000);
      }
    };
    await hour(60);
    globalThis.gc();
    const before = process.memoryUsage().heapUsed;
    await hour(60);
    const grown = (): number => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed - before;
    };
    expect(hub.stats().connections).toMatchObject({ retrying: 1_000 });
    // the log is full after the first hour: from then on nothing grows, a thousand cursors or not
    await expect.poll(grown).toBeLessThan(1_000_000);
  });
});
