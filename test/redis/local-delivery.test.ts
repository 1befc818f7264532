import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub, type Receipt } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf } from '../support/harness.ts';
import { startLog, startRedis } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';

let clock: VirtualClock;
let server: RedisServer;
let hub: Hub;
let link: FakeLink;
let escaped: unknown[];
let reported: unknown[];

/** A hub that delivers locally what Redis does not take within 300 ms, with one member in the thread. */
beforeEach(async () => {
  escaped = [];
  reported = [];
  const note = (error: unknown): void => void escaped.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  clock = new VirtualClock();
  server = await startRedis();
  const log = startLog({ url: server.url, clock, timeoutMs: 300, maxPending: 3, whenUnavailable: 'deliver-locally' });
  hub = createHub({ log });
  hub.on('error', (error) => reported.push(error));
  onTestFinished(async () => {
    server.thaw();
    const closed = hub.close();
    await clock.advance(3_000);
    await closed;
  });
  link = new FakeLink();
  await hub.accept(link.attach).join('t');
});

const send = (data: unknown, idempotencyKey: string): Promise<Receipt> =>
  hub.thread('t').send(data, { idempotencyKey });

async function outcomesOf(sends: readonly Promise<Receipt>[]): Promise<unknown[]> {
  // the appends are on their way, and then late
  await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(600);
  const settled = await Promise.allSettled(sends);
  // an escaped rejection is known a turn later
  await new Promise((resolve) => setImmediate(resolve));
  return settled.map((outcome) =>
    outcome.status === 'rejected'
      ? String(outcome.reason)
      : [outcome.value.isDuplicate, outcome.value.recipients, outcome.value.position],
  );
}

describe('a message that Redis does not take in time', () => {
  it('is delivered once, though it was sent twice under one key at the same time', async () => {
    server.freeze();
    const outcomes = await outcomesOf([send('a', 'k'), send('a', 'k'), send('a', 'k'), send('b', 'l')]);
    expect(outcomes).toEqual([
      [false, 1, undefined],
      [true, 0, undefined],
      [true, 0, undefined],
      [false, 1, undefined],
    ]);
    expect(dataOf(link)).toEqual(['a', 'b']);
    expect([escaped, reported]).toEqual([[], []]);
  });

  it('is delivered once, though it is sent again after that', async () => {
    server.freeze();
    await outcomesOf([send('a', 'k')]);
    expect(await outcomesOf([send('a', 'k')])).toEqual([[true, 0, undefined]]);
    expect(dataOf(link)).toEqual(['a']);
  });

  it('is delivered once, where too many wait already', async () => {
    server.freeze();
    const waiting = [send(1, 'w1'), send(2, 'w2'), send(3, 'w3')];
    const beyond = [send('a', 'k'), send('a', 'k')];
    expect(await outcomesOf(beyond)).toEqual([
      [false, 1, undefined],
      [true, 0, undefined],
    ]);
    await Promise.all(waiting);
    expect(dataOf(link)).toEqual(['a', 1, 2, 3]);
    expect(escaped).toEqual([]);
  });
});
