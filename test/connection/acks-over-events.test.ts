import { expect, it } from 'vitest';
import { FakeLink } from '../../src/testing/index.ts';
import { makeHarness } from '../support/harness.ts';

/** An event stream: it is not pinged. */
class EventStream extends FakeLink {
  readonly confirmsReceipt = false;
}

const SENT = 20;

async function stalled(link: FakeLink) {
  const harness = makeHarness();
  const connection = harness.hub.accept(link.attach, { userId: 'ada' });
  await harness.run(connection.join('t'));
  for (let i = 0; i < SENT; i++) await harness.run(harness.hub.thread('t').send(i));
  link.stall();
  await harness.run(harness.hub.thread('t').send('waits'));
  return { harness, connection };
}

it('acks are a sign of life of an event stream whose socket takes nothing for long; an old one is none', async () => {
  const link = new EventStream();
  const { harness, connection } = await stalled(link);
  const { clock } = harness;
  for (let o = 1; o <= 8; o++) {
    link.say({ t: 'ack', th: 't', o });
    await clock.advance(5_000);
    expect(connection.state).toBe('open');
  }
  // what it has said already, and what it cannot have
  for (const o of [8, 1, SENT + 100, -1]) {
    link.say({ t: 'ack', th: 't', o });
    await clock.advance(3_000);
  }
  expect(connection.state).toBe('retrying');
  // it goes on
  link.say({ t: 'ack', th: 't', o: 9 });
  await clock.advance(2_000);
  expect(connection.state).toBe('open');
  await clock.advance(14_000);
  expect(connection.state).toBe('retrying');
  link.resume();
  await clock.advance(10_000);
  expect(connection.state).toBe('open');
  await harness.close();
});

it('a WebSocket has to answer pings, whatever it acknowledges', async () => {
  const link = new FakeLink();
  const { harness, connection } = await stalled(link);
  for (let o = 1; o <= 4; o++) {
    link.say({ t: 'ack', th: 't', o });
    await harness.clock.advance(5_000);
  }
  expect(connection.state).toBe('retrying');
  await harness.close();
});
