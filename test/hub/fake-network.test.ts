import { expect, it } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { createHub, type Hub } from '../../src/index.ts';
import { FakeNetwork, Line, VirtualClock } from '../../src/testing/index.ts';
import { caughtWarnings } from '../support/caught-warnings.ts';

/** What a line's tests do not look at. */
const SILENT = { onDrain: () => {}, onPong: () => {}, onPing: () => {}, onBroken: () => {}, onClose: () => {} };

function world(seed = 1) {
  const clock = new VirtualClock(1_700_000_000_000);
  const network = new FakeNetwork({ clock, seed, latencyMs: 20 });
  let ids = 0;
  const hub = createHub({ clock, newId: () => `id-${++ids}`, development: false });
  network.listen((line, { client }) => hub.accept(line.attach, { ...client, userId: 'ada', authorize: () => true }));
  const { random, WebSocket } = network;
  const client = connect('ws://hub.test/', { clock, WebSocket, random, newId: () => `client-${++ids}` });
  const got: unknown[] = [];
  const thread = client.join('room', { from: 'start' });
  thread.on('message', ({ data }) => got.push(data));
  thread.on('gap', ({ why }) => got.push(why));
  return { clock, network, hub, client, thread, got };
}

async function end({ clock, hub, client }: { clock: VirtualClock; hub: Hub; client: { close(): void } }) {
  client.close();
  await clock.during(hub.close());
  await clock.advance(60_000);
  expect(clock.pending).toBe(0);
}

it.each(Array.from({ length: 40 }, (_, n) => n * 7))(
  'a line that is cut after %i bytes loses no message',
  async (bytes) => {
    const all = world();
    const { clock, network, hub, client, got } = all;
    await clock.until(() => client.state === 'open');
    network.lines[0]?.cutAfter(bytes);
    for (const n of [1, 2, 3]) await clock.during(hub.thread('room').send(n));
    await clock.until(() => got.length === 3);
    expect(got).toEqual([1, 2, 3]);
    await end(all);
  },
);

it('a silent line is found by its heartbeat, and a client that reads nothing holds up no sender', async () => {
  const all = world();
  const { clock, network, hub, client, got } = all;
  await clock.until(() => client.state === 'open');
  network.lines[0]?.stall();
  await clock.during(hub.thread('room').send(1));
  expect(got).toEqual([]);
  network.lines[0]?.resume();
  await clock.until(() => got.length === 1);
  network.lines[0]?.silence();
  await clock.during(hub.thread('room').send(2));
  await clock.until(() => got.length === 2, 120_000);
  expect(got).toEqual([1, 2]);
  await end(all);
});

it('where nothing listens, the client goes on trying', async () => {
  // the client warns of it
  const warnings = caughtWarnings();
  const all = world();
  const { clock, network, hub, got } = all;
  network.listen(undefined);
  await clock.advance(60_000);
  network.listen((line, { client }) => hub.accept(line.attach, { ...client, authorize: () => true }));
  await clock.during(hub.thread('room').send('late'));
  await clock.until(() => got.length === 1);
  expect(got).toEqual(['late']);
  expect(warnings.length).toBeLessThan(2);
  await end(all);
});

it.each([1, 2, 3, 4, 5])('any troubles lose nothing, and seed %i has the same ones each time', async (seed) => {
  const stories = [];
  for (let n = 0; n < 2; n++) {
    const all = world(seed);
    const { clock, network, hub, got } = all;
    const story = [];
    for (let i = 0; i < 60; i++) {
      story.push(network.trouble());
      await clock.during(hub.thread('room').send(i));
      await clock.advance(network.random() * 2_000);
    }
    network.heal();
    await clock.until(() => got.length === 60, 300_000);
    expect({ story, got }).toEqual({ story, got: Array.from({ length: 60 }, (_, i) => i) });
    await end(all);
    stories.push(story.join('\n'));
  }
  expect(stories[0]).toBe(stories[1]);
  expect(new Set(stories[0]?.split(' ')).size).toBeGreaterThan(8);
});

it('what does not come to hold, or never settles, is told in virtual time', async () => {
  const clock = new VirtualClock(0);
  await expect(clock.until(() => false, 500)).rejects.toThrow('it does not hold within 500 ms of virtual time');
  await expect(clock.during(new Promise(() => {}), 500)).rejects.toThrow('within 500 ms');
  await expect(clock.during(Promise.reject(new Error('no')))).rejects.toThrow('no');
});

it('packets keep their order, however long each of them takes', async () => {
  const clock = new VirtualClock(0);
  const delays = [50, 10, 30, 1, 1, 1];
  const heard: string[] = [];
  const line = new Line(
    { onText: () => {}, onBytes: () => {}, onClose: () => {} },
    { clock, latencyMs: (to) => (to === 'hub' ? (delays.shift() ?? 0) : 1) },
  );
  line.attach({ onMessage: (data) => heard.push(`${clock.now()} ${data.toString()}`), ...SILENT });
  for (const text of ['a', 'b', 'c']) line.say(text);
  await clock.advance(60);
  expect(heard).toEqual(['50 a', '50 b', '50 c']);
});

it('a cut loses what is on its way, in both directions', async () => {
  const clock = new VirtualClock(0);
  const heard: string[] = [];
  const line = new Line(
    { onText: (text) => heard.push(text), onBytes: () => {}, onClose: () => {} },
    { clock, latencyMs: 20 },
  );
  line.attach({ onMessage: (data) => heard.push(data.toString()), ...SILENT });
  line.say('early');
  await clock.advance(20);
  line.say('late');
  await clock.advance(5);
  line.cut();
  await clock.advance(100);
  expect(heard).toEqual(['early']);
});

it('a client that gets a part of a frame reads nothing of it', async () => {
  const clock = new VirtualClock(0);
  const heard: string[] = [];
  const closes: boolean[] = [];
  const line: Line = new Line(
    { onText: (text) => heard.push(text), onBytes: () => {}, onClose: () => closes.push(line.isInsideMessage) },
    { clock },
  );
  line.attach({ onMessage: () => {}, ...SILENT });
  line.cutAfter(8);
  for (const text of ['one', 'two']) line.write([Buffer.from([0x81, 3]), Buffer.from(text)], undefined);
  await clock.advance(100);
  expect([heard, closes]).toEqual([['one'], [true]]);
});
