import { afterEach, expect, it } from 'vitest';
import { streamArray } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, makeHarness, type Harness } from '../support/harness.ts';
import type { Piece } from '../../src/api/socket.ts';

let harness: Harness;

afterEach(() => harness.close());

class CountingLink extends FakeLink {
  writes = 0;

  override write(piece: Piece): void {
    this.writes++;
    super.write(piece, undefined);
  }
}

async function* late(gate: Promise<void>): AsyncGenerator<number> {
  await gate;
  yield 1;
}

it('what has waited for one that was being serialized goes out together, not one in each fan-out', async () => {
  harness = makeHarness();
  const { hub, run, clock } = harness;
  const link = new CountingLink();
  await hub.accept(link.attach).join('t');
  const gate = Promise.withResolvers<void>();
  const thread = hub.thread('t');
  const sends = [
    thread.send(streamArray(late(gate.promise))),
    ...Array.from({ length: 100 }, (_, i) => thread.send(i)),
  ];
  await clock.settle();
  expect(dataOf(link)).toEqual([]);
  link.writes = 0;
  gate.resolve();
  await run(Promise.all(sends));
  expect(dataOf(link)).toEqual([[1], ...Array.from({ length: 100 }, (_, i) => i)]);
  expect(link.writes).toBeLessThanOrEqual(5);
});
