import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { DeliveryLog } from '../../src/index.ts';
import { draft, hold, names, startLog, startRedis, until } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const MB = 1_000_000;

let server: RedisServer;
let line: TcpProxy;
/**
 * The time of the line, by which the logs over it judge silence. A process that gets no turn passes nothing on, and that is no silence: by
 * the machine's time, what is left of a line of 60 MB/s on a busy machine would be too slow for the limits here.
 */
let clock: SteppedClock;

beforeEach(async () => {
  server = await startRedis();
  line = await startTcpProxy(server.port);
  clock = new SteppedClock();
  let passing = Promise.resolve();
  line.onTick = (ms) => {
    passing = passing.then(() => clock.advance(ms));
  };
  onTestFinished(() => line.close());
});

/** Sends small messages one after the other until it is over; how much of the line's time each took. */
async function sendSmall(log: DeliveryLog, threadId: string, isOver: () => boolean): Promise<number[]> {
  const times: number[] = [];
  while (!isOver()) {
    const since = clock.now();
    await log.append(draft(`s${times.length}`, { threadId }));
    times.push(clock.now() - since);
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
  return times;
}

describe('one large message and a slow line', () => {
  /** A second without an answer is silence, and a send may wait for two and a half; what is large takes three. */
  const LIMITS = { commandTimeoutMs: 1_000, timeoutMs: 2_500 };
  const startFar = (): DeliveryLog => startLog({ ...LIMITS, clock, url: `redis://127.0.0.1:${line.port}` });

  it('comes over it while everything small goes on, with the connections there are', async () => {
    line.rate = 8 * MB;
    const [near, far] = [startLog({ url: server.url }), startFar()];
    const [held, small] = [await hold(far), await hold(far, 'small')];
    const { connections } = line;
    let isThere = false;
    const sending = sendSmall(far, 'small', () => isThere);
    await near.append(draft('big', { bytes: 24 * MB }));
    await until(() => held.entries.length === 1);
    isThere = true;
    const times = await sending;
    expect(held.entries[0]?.body.bytes).toBe(24 * MB);
    expect(times.length).toBeGreaterThan(10);
    expect(line.connections).toBe(connections);
    expect(small.entries).toHaveLength(times.length);
  });

  it('goes up it: it has time as long as its pieces arrive, and so have those behind it', async () => {
    line.upRate = 8 * MB;
    const [near, far] = [startLog({ url: server.url }), startFar()];
    const held = await hold(near);
    await hold(far);
    const { connections } = line;
    let isThere = false;
    const sending = sendSmall(far, 'small', () => isThere);
    const [big, behind] = [far.append(draft('big', { bytes: 24 * MB })), far.append(draft('behind'))];
    await Promise.all([big, behind]);
    isThere = true;
    expect((await sending).length).toBeGreaterThan(10);
    await until(() => held.entries.length === 2);
    expect(held.entries.map(({ id, body }) => [id, body.bytes])).toEqual([
      ['big', 24 * MB],
      ['behind', 8],
    ]);
    expect(line.connections).toBe(connections);
  });

  it('comes although the line breaks again and again before all of it is there', async () => {
    line.rate = 8 * MB;
    const [near, far] = [startLog({ url: server.url }), startFar()];
    const held = await hold(far);
    await near.append(draft('big', { bytes: 12 * MB }));
    for (let cuts = 1; cuts <= 4; cuts++) {
      await until(() => line.bytesDown > cuts * 2 * MB);
      line.cut();
    }
    await until(() => held.entries.length === 1);
    expect(held.entries[0]?.body.bytes).toBe(12 * MB);
    // what had come is not sent again: at most what was on its way each time, 16 pieces
    expect(line.bytesDown).toBeLessThan(12 * MB + 4 * 16 * 65_536 + MB);
  });

  it('is sent again where Redis has lost its pieces, and once where only the answer was lost', async () => {
    line.upRate = 8 * MB;
    const [near, far] = [startLog({ url: server.url }), startFar()];
    const held = await hold(near);
    const append = far.append(draft('big', { bytes: 8 * MB }));
    await until(async () => Number(await server.run(['EXISTS', 'tc:v2:{t}:log'])) === 1);
    const fields = async (): Promise<number> => Number(await server.run(['HLEN', 'tc:v2:{t}:log']));
    await until(async () => (await fields()) > 20);
    await server.run(['DEL', 'tc:v2:{t}:log']);
    await until(async () => (await fields()) > 40);
    line.cut();
    await append;
    await until(() => held.entries.length === 1);
    expect(held.entries[0]?.body.bytes).toBe(8 * MB);
    await far.append(draft('next'));
    // its pieces, two fields for each message, seven of the thread itself
    const pieces = Math.ceil((8 * MB) / 65_536);
    expect(await fields()).toBe(pieces + 2 * 2 + 7);
  });
});

describe('many nodes that fetch the same large message', () => {
  it('leave room for what is small', async () => {
    const nodes = names(1, 50).map(() =>
      startLog({ clock, url: `redis://127.0.0.1:${line.port}`, timeoutMs: 5_000, commandTimeoutMs: 2_000 }),
    );
    const held = await Promise.all(nodes.map((node) => hold(node)));
    const before = line.connections;
    line.sharedRate = 60 * MB;
    let isThere = false;
    const sending = nodes.slice(0, 10).map((node, i) => sendSmall(node, `small${i}`, () => isThere));
    await startLog({ url: server.url }).append(draft('big', { bytes: 5 * MB }));
    await expect.poll(() => held.every(({ entries }) => entries.length === 1)).toBe(true);
    isThere = true;
    const times = (await Promise.all(sending)).flat();
    expect(line.connections).toBe(before);
    expect(Math.max(...times)).toBeLessThan(2_000);
  });
});
