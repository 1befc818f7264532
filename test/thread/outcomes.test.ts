import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Connection, Receipt } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

const BIG = 'x'.repeat(5_000_000);

let harness: Harness;

beforeEach(() => {
  harness = makeHarness({ settleTimeoutMs: 20_000 });
});

afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.close();
});

function connect(): { link: FakeLink; connection: Connection } {
  const link = new FakeLink();
  return { link, connection: harness.hub.accept(link.attach, { authorize: () => true }) };
}

const send = (message: unknown = BIG): Promise<Receipt> => harness.run(harness.hub.thread('t').send(message));
const received = (link: FakeLink): number => framesOf(link, 'msg').length;

it('a big message counts as written, and as acked, when all of its pieces have been handed over', async () => {
  const { clock } = harness;
  const { link, connection } = connect();
  await connection.join('t');
  link.stall();
  const receipt = await send();
  expect(receipt).toMatchObject({ recipients: 1, written: 0, behind: 1, dropped: 0 });
  const answers: [string, number][] = [];
  for (const until of ['written', 'acked'] as const) {
    const settled = receipt.settled({ until }).then(({ outcomes }) => {
      answers.push([outcomes.get(connection.id) ?? '', received(link)]);
    });
    settled.catch(() => {});
  }
  // slowly, and each time with answers to the pings
  for (let i = 0; i < 5; i++) {
    link.take(300_000);
    await clock.advance(1_000);
    expect(answers).toEqual([]);
  }
  link.resume();
  await clock.advance(10_000);
  expect(answers).toEqual([
    ['written', 1],
    ['acked', 1],
  ]);
});

it('a connection that ends with a piece of a big message is evicted, not written to', async () => {
  const { clock } = harness;
  const [one, two] = [connect(), connect()];
  for (const { connection } of [one, two]) await connection.join('t');
  one.link.stall();
  const receipt = await send();
  expect(receipt).toMatchObject({ recipients: 2, written: 0, behind: 2 });
  one.link.hangUp();
  await clock.advance(2_000);
  const { outcomes, ...counts } = await receipt.settled();
  expect(counts).toMatchObject({ behind: 0, dropped: 0, evicted: 1 });
  expect(['written', 'acked']).toContain(outcomes.get(two.connection.id));
  expect(outcomes.get(one.connection.id)).toBe('evicted');
});

it('the same for a big volatile message', async () => {
  const { clock } = harness;
  const { link, connection } = connect();
  await connection.join('t');
  link.stall();
  const big = await harness.run(harness.hub.thread('t').send(BIG, { lane: 'volatile' }));
  expect(big).toMatchObject({ recipients: 1, written: 0, behind: 1, dropped: 0 });
  link.resume();
  await clock.advance(2_000);
  expect((await big.settled()).outcomes.get(connection.id)).toBe('acked');
  expect(received(link)).toBe(1);
  link.stall();
  const cut = await harness.run(harness.hub.thread('t').send(BIG, { lane: 'volatile' }));
  link.hangUp();
  await clock.advance(2_000);
  expect((await cut.settled()).outcomes.get(connection.id)).toBe('evicted');
});

it('a client that joins again while it is behind gets the message, and counts as written to', async () => {
  const { clock } = harness;
  const { link, connection } = connect();
  link.say({ t: 'join', th: 't' });
  await clock.settle();
  const position = String(framesOf(link, 'joined')[0]?.['pos']);
  link.stall();
  await send();
  const receipt = await send(2);
  const settled = receipt.settled();
  const acked = receipt.settled({ until: 'acked' });
  link.say({ t: 'join', th: 't', from: position });
  await clock.advance(1_100);
  link.say({ t: 'join', th: 't', from: position });
  link.resume();
  await clock.advance(12_000);
  expect(framesOf(link, 'msg').at(-1)?.['d']).toBe(2);
  expect(Object.fromEntries((await settled).outcomes)).toEqual({ [connection.id]: 'written' });
  expect(Object.fromEntries((await acked).outcomes)).toEqual({ [connection.id]: 'acked' });
});

it('a client that leaves while it is behind is evicted; one that comes back for what is new goes on without the message', async () => {
  const { clock } = harness;
  const [gone, back] = [connect(), connect()];
  for (const { connection } of [gone, back]) await connection.join('t');
  gone.link.stall();
  back.link.stall();
  await send();
  const receipt = await send(2);
  const settled = receipt.settled();
  for (const { connection } of [gone, back]) connection.leave('t');
  await back.connection.join('t');
  await clock.advance(2_000);
  const { outcomes } = await settled;
  expect([outcomes.get(gone.connection.id), outcomes.get(back.connection.id)]).toEqual(['evicted', 'dropped']);
  back.link.resume();
  await clock.advance(2_000);
  expect(framesOf(back.link, 'msg').map(({ d }) => d === 2)).not.toContain(true);
});

it('what is written to a connection whose line ends can never be acked, and nobody waits for that', async () => {
  const { clock } = harness;
  const { link, connection } = connect();
  await connection.join('t');
  link.stall();
  const receipt = await send(1);
  const settled = receipt.settled({ until: 'acked' });
  link.hangUp();
  await clock.advance(2_000);
  expect(await settled).toMatchObject({ written: 1, outcomes: new Map([[connection.id, 'written']]) });
});

it('a message that was written stays written, though the client goes back before it when it has expired', async () => {
  const { clock, hub, run } = harness;
  const { link, connection } = connect();
  link.say({ t: 'join', th: 't' });
  await clock.settle();
  const position = String(framesOf(link, 'joined')[0]?.['pos']);
  const receipt = await run(hub.thread('t').send(1, { expiresInMs: 50 }));
  const settled = receipt.settled({ until: 'acked' });
  await clock.advance(100);
  link.say({ t: 'join', th: 't', from: position });
  await clock.settle();
  expect(received(link)).toBe(1);
  await clock.advance(12_000);
  expect((await settled).outcomes.get(connection.id)).toBe('acked');
});

it('a message that was lost with the epoch of its log is dropped for those who had not got it', async () => {
  const { clock, hub } = harness;
  const { link, connection } = connect();
  await connection.join('t');
  link.stall();
  await send();
  const receipt = await send(2);
  connection.leave('t');
  await hub.thread('t').delete();
  link.resume();
  await connection.join('t');
  const settled = receipt.settled();
  await clock.settle();
  expect((await settled).outcomes).toEqual(new Map([[connection.id, 'dropped']]));
});
