import { afterEach, expect, it } from 'vitest';
import { DistantLink, type Line } from '../support/distant-link.ts';
import { PingNumbers } from '../../src/actors/connection/ping-numbers.ts';
import { Liveness } from '../../src/actors/connection/liveness.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness | undefined;

afterEach(async () => {
  await harness?.close();
  expect(harness?.errors ?? []).toEqual([]);
  harness = undefined;
});

const MB = 1024 * 1024;

async function connect(
  line: Line,
  { parts = true, confirmsReceipt = true } = {},
): Promise<Harness & { link: DistantLink; send: (mb: number) => Promise<number> }> {
  const made = makeHarness({ maxMessageBytes: 200 * MB, settleTimeoutMs: 120_000, serializer: { timeoutMs: 60_000 } });
  harness = made;
  const { clock, hub } = made;
  const link = Object.assign(new DistantLink(clock, line), { confirmsReceipt });
  hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: 't', parts });
  await clock.advance(2_000);
  return {
    ...made,
    link,
    /** Until the whole of it has arrived, in ms. */
    async send(mb) {
      const at = clock.now();
      const before = link.arrivals.length;
      await made.run(hub.thread('t').send('x'.repeat(mb * MB)));
      const last = (): number | undefined =>
        link.arrivals.slice(before).find(({ text }) => text.includes('"last":true'))?.at;
      for (let i = 0; i < 600 && last() === undefined; i++) await clock.advance(100);
      return (last() ?? Infinity) - at;
    },
  };
}

it.each([
  { roundTripMs: 200, bytesPerMs: 64_000 },
  { roundTripMs: 600, bytesPerMs: 31_000 },
  { roundTripMs: 40, bytesPerMs: 1_000 },
])('parts come as fast as the line carries them: %o', async (line) => {
  const { send } = await connect(line);
  const mb = line.bytesPerMs > 10_000 ? 24 : 8;
  const wholeMs = (mb * MB) / line.bytesPerMs + line.roundTripMs / 2;
  const first = await send(mb);
  const second = await send(mb);
  // the first one finds out what the line carries
  expect(first).toBeLessThan(wholeMs + 8 * line.roundTripMs);
  expect(second).toBeLessThan(wholeMs * 1.1);
});

it.each([
  { roundTripMs: 20, bytesPerMs: 2_000 },
  { roundTripMs: 200, bytesPerMs: 8_000 },
  { roundTripMs: 600, bytesPerMs: 31_000 },
  { roundTripMs: 600, bytesPerMs: 4_000 },
])('at every moment an approval overtakes within a round trip and 250 ms: %o', async (line) => {
  const { hub, clock, link, run } = await connect(line);
  await run(hub.thread('t').send('x'.repeat(48 * MB)));
  const waits: number[] = [];
  for (let i = 0; i < 24; i++) {
    await clock.advance(130);
    const at = clock.now();
    const id = `approval-${i}`;
    void hub.thread('t').send('approve?', { lane: 'critical', idempotencyKey: id });
    const came = (): number | undefined => link.arrivals.find(({ text }) => text.includes(id))?.at;
    for (let step = 0; step < 400 && came() === undefined; step++) await clock.advance(10);
    waits.push((came() ?? Infinity) - at);
  }
  expect(Math.max(...waits)).toBeLessThanOrEqual(line.roundTripMs + 250 + (64 * 1024) / line.bytesPerMs);
});

it('where an answer only says that the line has taken the bytes, parts go on all the same, however many came before', async () => {
  const line = { roundTripMs: 40, bytesPerMs: 1_000 };
  const { send } = await connect(line, { confirmsReceipt: false });
  for (let i = 0; i < 4; i++) expect(await send(2)).toBeLessThan(((2 * MB) / line.bytesPerMs) * 1.5);
});

it('a line that becomes slow, or long, is noticed', async () => {
  const { clock, link, send } = await connect({ roundTripMs: 50, bytesPerMs: 20_000 });
  await send(24);
  link.line = { roundTripMs: 50, bytesPerMs: 2_000 };
  const sent = send(24);
  await clock.advance(4_000);
  // what is on its way is a quarter of a second's worth again
  const inFlight = link.takenBytes - link.arrivedBytes;
  expect(inFlight).toBeLessThan(2_000 * (50 + 250) * 1.5 + 128 * 1024);
  await sent;
  link.line = { roundTripMs: 500, bytesPerMs: 8_000 };
  await send(24);
  await clock.advance(40_000);
  await send(24);
  expect(await send(24)).toBeLessThan(((24 * MB) / 8_000 + 250) * 1.3);
});

it('a client may answer only the newest of several pings', () => {
  const pings: number[] = [];
  const link = Object.assign(new FakeLink(), { ping: (seq: number) => void pings.push(seq) });
  const liveness = new Liveness(link, { sendTimeoutMs: 5_000, heartbeatMs: 25_000 }, 0, new PingNumbers());
  let written = 0;
  for (let now = 0; liveness.hasRoom(now, written); now++) {
    written += 65_536;
    liveness.follow(now, written);
  }
  expect(pings.length).toBeGreaterThan(2);
  expect(liveness.hasRoom(50, written)).toBe(false);
  expect(liveness.pong(pings.at(-1) ?? 0, 100)).toBe(true);
  expect(liveness.ackedBytes).toBe(written);
  expect(liveness.hasRoom(100, written)).toBe(true);
  expect(liveness.pong(pings[0] ?? 0, 101)).toBe(false);
});
