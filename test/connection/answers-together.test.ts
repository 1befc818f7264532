import { expect, it } from 'vitest';
import { FakeLink } from '../../src/testing/index.ts';
import { makeHarness } from '../support/harness.ts';

/** A link that says what was gathered. */
class GatheringLink extends FakeLink {
  readonly runs: number[] = [];
  #corks = 0;

  override cork(): void {
    if (this.#corks++ === 0) this.runs.push(this.received.length);
  }

  override uncork(): void {
    if (this.#corks > 0 && --this.#corks === 0) this.runs.push(this.received.length - (this.runs.pop() ?? 0));
  }

  get isCorked(): boolean {
    return this.#corks > 0;
  }
}

it('the joins of a turn are answered in one write, and what follows is not held back', async () => {
  const { hub, clock, run, close, errors } = makeHarness();
  const link = new GatheringLink();
  hub.accept(link.attach, { authorize: () => true });
  await clock.settle();
  link.runs.length = 0;
  link.say({ t: 'joins', l: ['a', 'b', 'c', 'd'].map((th) => [th]) });
  await clock.settle();
  await clock.advance(10);
  expect(link.messages.filter((frame) => Object(frame).t === 'joined')).toHaveLength(4);
  expect(link.isCorked).toBe(false);
  expect(Math.max(...link.runs)).toBe(4);
  await run(hub.thread('a').send(1));
  expect(link.messages.at(-1)).toMatchObject({ t: 'msg', th: 'a' });
  await close();
  expect(errors).toEqual([]);
});

it('a connection that ends in that turn still gets the answer before the close frame', async () => {
  const { hub, clock, close, errors } = makeHarness();
  const link = new GatheringLink();
  const connection = hub.accept(link.attach, { authorize: () => true });
  await connection.join('a');
  connection.close(4403, 'no');
  await clock.settle();
  expect([link.isCorked, link.closeCode]).toEqual([false, 4403]);
  expect(link.messages.at(-1)).toMatchObject({ t: 'joined', th: 'a' });
  await close();
  expect(errors).toEqual([]);
});
