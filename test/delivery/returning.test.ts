import { afterEach, expect, it } from 'vitest';
import type { Body } from '../../src/api/body.ts';
import type { Piece } from '../../src/api/socket.ts';
import { FRAGMENT_BYTES } from '../../src/infra/wire/frames.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, makeHarness, type Harness } from '../support/harness.ts';

const CLIENTS = 100;
const MISSED = 100;
const SLICE_MS = 2;
/** What a write costs here: more than a system call and a copy do, so that many slices are needed. */
const WRITE_MS = 0.01;
const BYTE_MS = 1e-5;
/** A slice may end with one write: a fragment at most. */
const MOST_MS = SLICE_MS + WRITE_MS + FRAGMENT_BYTES * BYTE_MS;

let harness: Harness;

afterEach(() => harness.close());

/** A link whose writes take time. */
class CostlyLink extends FakeLink {
  override write(piece: Piece, body: Body | undefined): void {
    harness.clock.spend(WRITE_MS + piece.reduce((sum, { length }) => sum + length, 0) * BYTE_MS);
    super.write(piece, body);
  }
}

it.each([
  ['small messages', []],
  ['small messages and a big one', ['x'.repeat(500_000)]],
])('clients that come back at the same moment for %s are served in slices, each with all it missed', async (_, big) => {
  harness = makeHarness({ sliceMs: SLICE_MS });
  const { hub, clock, run } = harness;
  const seen = await run(hub.thread('t').send('seen'));
  const missed = [...Array.from({ length: MISSED }, (_, n) => ({ n, text: 'missed '.repeat(50) })), ...big];
  for (const data of missed) await run(hub.thread('t').send(data));

  const links = Array.from({ length: CLIENTS }, () => new CostlyLink());
  for (const link of links) hub.accept(link.attach, { authorize: () => true });
  let longest = 0;
  let last = clock.now();
  let slices = 0;
  let turns = 0;
  const look = (): void => {
    const heldMs = clock.now() - last;
    last += heldMs;
    longest = Math.max(longest, heldMs);
    if (heldMs > 0) slices++;
    if (++turns < 1_000) clock.nextTurn(look);
  };
  // all of them in the same turn
  for (const link of links) link.say({ t: 'join', th: 't', from: seen.position });
  clock.nextTurn(look);
  await clock.settle();
  for (const link of links) expect(dataOf(link)).toEqual(missed);
  expect(slices).toBeGreaterThan(10);
  expect(hub.stats().longestSliceMs).toBeLessThanOrEqual(MOST_MS);
  // a slice that a turn begins with and one that comes of its messages
  expect(longest).toBeLessThanOrEqual(2 * MOST_MS);
});
