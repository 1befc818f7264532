import { afterEach, expect, it } from 'vitest';
import type { AcceptOptions, HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

// what one connection may hold is bounded; here it is the sum of all connections

let harness: Harness;

afterEach(() => harness.close());

function start(options: HubOptions): Harness {
  return (harness = makeHarness(options));
}

function connect(options: AcceptOptions = {}): FakeLink {
  const link = new FakeLink();
  harness.hub.accept(link.attach, { authorize: () => true, ...options });
  return link;
}

it('clients open no more threads than the hub may have; what is open, and what the application does, goes on', async () => {
  const { hub, clock, run, errors } = start({ maxThreads: 10, threadIdleMs: 60_000 });
  const links = [connect(), connect(), connect()];
  for (const [i, link] of links.entries()) {
    for (let j = 0; j < 5; j++) link.say({ t: 'join', th: `${i}.${j}`, ref: j });
  }
  await clock.settle();
  expect(hub.stats().threads).toBe(10);
  expect(links.flatMap((link) => framesOf(link, 'joined'))).toHaveLength(10);
  const refused = links.flatMap((link) => framesOf(link, 'err'));
  expect(refused).toHaveLength(5);
  expect(refused[0]).toMatchObject({ code: 'unavailable', th: expect.any(String), ref: expect.any(Number) });
  expect(errors).toHaveLength(5);
  expect(errors[0]).toMatchObject({ code: 'TC_TOO_MANY_THREADS', connectionId: undefined, limit: 10 });
  // an open one has room for everybody, and the application opens what it likes
  const late = connect();
  late.say({ t: 'join', th: String(framesOf(links[0] ?? late, 'joined')[0]?.['th']) });
  await run(hub.thread('mine').send(1));
  await clock.settle();
  expect(framesOf(late, 'joined')).toHaveLength(1);
  expect(hub.stats().threads).toBe(11);
});

it('threads that are joined and left do not take the place of others for their idle time', async () => {
  const { hub, clock } = start({ maxThreads: 10, threadIdleMs: 60_000 });
  const link = connect();
  for (let i = 0; i < 10; i++) {
    link.say({ t: 'join', th: `t${i}` });
    link.say({ t: 'leave', th: `t${i}` });
  }
  await clock.advance(3_000);
  expect(hub.stats().threads).toBeLessThanOrEqual(5);
  link.say({ t: 'join', th: 'new' });
  await clock.settle();
  expect(framesOf(link, 'joined').at(-1)).toMatchObject({ th: 'new' });
});

it('what waits for the application is counted for all connections together: those that hold most are closed', async () => {
  const { hub, clock } = start({ maxUnfinishedBytes: 100_000 });
  const never = new Promise<boolean>(() => {});
  const flood = Array.from({ length: 10 }, () => connect({ onPublish: () => never }));
  const small = connect({ onPublish: () => never });
  for (const link of flood)
    for (let i = 0; i < 5; i++) link.say({ t: 'pub', th: 't', id: `m${i}`, d: 'x'.repeat(9_000) });
  small.say({ t: 'pub', th: 't', id: 'm', d: 1 });
  await clock.advance(3_000);
  expect(hub.stats().unfinishedBytes).toBeLessThanOrEqual(100_000);
  const closed = flood.filter(({ closeCode }) => closeCode === 4429);
  expect(closed.length).toBeGreaterThanOrEqual(7);
  expect(closed.length).toBeLessThan(10);
  expect(small.closeCode).toBeUndefined();
});
