import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createHub, type AcceptOptions, type Connection, type Hub } from '../../src/index.ts';
import type { RedisLogOptions } from '../../src/redis/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf } from '../support/harness.ts';
import { startLog, startRedis, until, untilInTime } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { closeHub, SteppedClock } from '../support/stepped-clock.ts';

let server: RedisServer;
let here: Hub;
let there: Hub;

function startHub(options: RedisLogOptions = {}): Hub {
  const hub = createHub({ clock: options.clock, log: startLog({ url: server.url, ...options }) });
  hub.on('error', (error) => expect.fail(String(error)));
  onTestFinished(() => closeHub(hub, options.clock));
  return hub;
}

function connectTo(hub: Hub, options: AcceptOptions = {}): { link: FakeLink; connection: Connection } {
  const link = new FakeLink();
  return { link, connection: hub.accept(link.attach, options) };
}

const positionOf = (link: FakeLink): string => {
  const [joined] = framesOf(link, 'joined');
  const last = framesOf(link, 'msg').at(-1);
  return `${String(joined?.['pos']).split('.')[0]}.${String(last?.['o'])}.${String(last?.['id'])}`;
};

beforeEach(async () => {
  server = await startRedis();
  here = startHub();
  there = startHub();
});

describe('two hubs with one Redis', () => {
  it('deliver to the members of both, whoever sends, volatile messages as well', async () => {
    const [one, two] = [connectTo(here), connectTo(there)];
    await one.connection.join('t');
    await two.connection.join('t');
    const receipt = await here.thread('t').send(1);
    expect(receipt).toMatchObject({ recipients: 1, written: 1, isDuplicate: false });
    await there.thread('t').send(2);
    await until(() => dataOf(one.link).length === 2);
    await here.thread('t').send('typing', { lane: 'volatile' });
    await until(() => dataOf(two.link).length === 3 && dataOf(one.link).length === 3);
    expect([dataOf(one.link), dataOf(two.link)]).toEqual([
      [1, 2, 'typing'],
      [1, 2, 'typing'],
    ]);
    const timesOf = (link: FakeLink) =>
      framesOf(link, 'msg')
        .slice(0, 2)
        .map(({ ts }) => ts);
    expect(timesOf(two.link)).toEqual(timesOf(one.link));
    expect(Math.abs(Number(timesOf(one.link)[0]) - Date.now())).toBeLessThan(60_000);
    expect((await there.thread('t').history()).messages).toMatchObject([{ data: 1 }, { data: 2 }]);
    expect(receipt.position).toMatch(/^[\w-]+\.1\./);
  });

  it('resume at the other one what was read at the first', async () => {
    const { link, connection } = connectTo(here);
    await connection.join('t');
    for (let i = 1; i <= 20; i++) await here.thread('t').send(i);
    await until(() => dataOf(link).length === 20);
    const position = positionOf(link);
    connection.close();
    for (let i = 21; i <= 30; i++) await here.thread('t').send(i);
    const resumed = connectTo(there);
    await resumed.connection.join('t', { from: position });
    await until(() => dataOf(resumed.link).length === 10);
    expect(dataOf(resumed.link)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
    expect(framesOf(resumed.link, 'joined')).toMatchObject([{ recovered: 10 }]);
    expect(framesOf(resumed.link, 'gap')).toEqual([]);
  });

  it('reach a user on the other one, from the first message on', async () => {
    const { link, connection } = connectTo(there, { userId: 'ada lovelace' });
    await until(() => connection.threads.length === 1);
    await here.user('ada lovelace').send('hello');
    await until(() => dataOf(link).length === 1);
    expect(dataOf(link)).toEqual(['hello']);
  });

  it('count the members of both, and forget those of a hub that goes', async () => {
    const [one, two, three] = [connectTo(here), connectTo(there), connectTo(there)];
    for (const { connection } of [one, two, three]) await connection.join('t');
    await until(async () => (await here.thread('t').memberCount()) === 3);
    await until(async () => (await there.thread('t').memberCount()) === 3);
    three.connection.leave('t');
    await until(async () => (await here.thread('t').memberCount()) === 2);
    expect(await startHub().thread('t').memberCount()).toBe(2);
    await there.drain({ timeoutMs: 100 });
    expect(await here.thread('t').memberCount()).toBe(1);
    expect(here.thread('t').members).toEqual([one.connection]);
    expect(framesOf(two.link, 'bye')).toHaveLength(1);
  });

  it('tell live members of a fork, and positions that are of another history', async () => {
    const live = connectTo(here);
    await live.connection.join('t');
    await here.thread('t').send('kept');
    await until(() => dataOf(live.link).length === 1);
    const kept = positionOf(live.link);
    await server.run(['SAVE']);
    await here.thread('t').send('lost 1');
    await here.thread('t').send('lost 2');
    await until(() => dataOf(live.link).length === 3);
    const lost = positionOf(live.link);
    await server.kill();
    await server.start();
    await until(() => framesOf(live.link, 'gap').length === 1);
    const ahead = connectTo(there);
    await ahead.connection.join('t', { from: lost });
    for (const text of ['new 1', 'new 2']) await there.thread('t').send(text);
    await until(() => dataOf(live.link).length === 5);
    expect(dataOf(live.link)).toEqual(['kept', 'lost 1', 'lost 2', 'new 1', 'new 2']);
    expect(framesOf(live.link, 'gap')).toMatchObject([{ why: 'fork', pos: kept }]);
    expect(framesOf(ahead.link, 'gap')).toMatchObject([{ why: 'ahead', pos: kept }]);
    const [forked, common] = [connectTo(there), connectTo(there)];
    await forked.connection.join('t', { from: lost });
    await common.connection.join('t', { from: kept });
    await until(() => dataOf(common.link).length === 2);
    expect(framesOf(forked.link, 'gap')).toMatchObject([{ why: 'fork' }]);
    expect(dataOf(common.link)).toEqual(['new 1', 'new 2']);
    expect(framesOf(common.link, 'gap')).toEqual([]);
  });

  it('keep their connections while Redis is away, tell them, and go on', async () => {
    const clock = new SteppedClock();
    const [here, there] = [startHub({ timeoutMs: 1_500, clock }), startHub({ timeoutMs: 1_500, clock })];
    const { link, connection } = connectTo(here);
    await connection.join('t');
    const news: boolean[] = [];
    here.on('log', ({ isUp }) => news.push(isUp));
    server.freeze();
    const sending = clock.advanceUntilSettled(here.thread('t').send(1));
    await expect(sending).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
    await untilInTime(clock, () => framesOf(link, 'log').length === 1);
    const late = connectTo(there, { authorize: () => true });
    late.link.say({ t: 'join', th: 't2', from: 'start' });
    const ends: number[] = [];
    late.connection.on('evicted', ({ code }) => ends.push(code));
    await untilInTime(clock, () => ends.length === 1);
    expect(ends).toEqual([1013]);
    server.thaw();
    await untilInTime(clock, () => framesOf(link, 'log').length === 2);
    await clock.advanceUntilSettled(here.thread('t').send(2), 1);
    await untilInTime(clock, () => dataOf(link).includes(2));
    expect(connection.state).toBe('open');
    expect(framesOf(link, 'log')).toEqual([
      { t: 'log', up: false },
      { t: 'log', up: true },
    ]);
    expect(news).toEqual([false, true]);
  });
});
