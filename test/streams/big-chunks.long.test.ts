import { expect, test } from 'vitest';
import { memoryLog, type Codec } from '../../src/index.ts';
import type { Link, LinkListener, Piece } from '../../src/api/socket.ts';
import { makeHarness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';
import { TickingClock } from '../support/ticking-clock.ts';

const MIB = 1024 * 1024;
const SIZE = 50 * MIB;

const whole: Codec<object> = {
  name: 'whole',
  fold: () => undefined,
  sizeOf: () => 1,
  order: () => 'late',
  end: () => 'done',
};

/** Counts what it gets. */
class CountingLink implements Link {
  readonly unsentBytes = 0;
  takenBytes = 0;
  #listener: LinkListener | undefined;

  readonly attach = (listener: LinkListener): Link => {
    this.#listener = listener;
    return this;
  };

  say(message: object): void {
    this.#listener?.onMessage(Buffer.from(JSON.stringify(message)), false);
  }

  write(piece: Piece): void {
    for (const { length } of piece) this.takenBytes += length;
  }

  cork(): void {}
  uncork(): void {}

  close(code: number, reason: string): void {
    this.#listener?.onClose(code, reason);
  }

  terminate(): void {
    this.close(1006, '');
  }

  ping(seq: number): void {
    queueMicrotask(() => this.#listener?.onPong(seq));
  }
}

test.each([
  ['one text of 50 MB', () => ({ output: Buffer.alloc(SIZE, 'x').toString() })],
  ['50 MB of small objects', () => Array.from({ length: SIZE / 40 }, (_, id) => ({ id, name: `element ${id}` }))],
])('%s holds the event loop for one slice at a time', async (_, make) => {
  const clock = new TickingClock(0.05);
  const shared = new SharedLog(memoryLog({ clock }));
  let [noted, most, all] = [0, 0, 0];
  const streams = { codecs: [whole], maxBytes: 2 * SIZE };
  const nodes = [0, 1].map(() => {
    const log = shared.node();
    const notify = (threadId: string, note: string): void => {
      if (noted === 0) clock.nextTurn(() => (noted = 0));
      noted += note.length;
      all += note.length;
      most = Math.max(most, noted);
      log.notify?.(threadId, note);
    };
    return makeHarness({ clock, streams, serializer: { timeoutMs: 600_000 }, log: { ...log, notify } });
  });
  const links: CountingLink[] = [];
  for (const { hub } of nodes) {
    for (const late of [true, false]) {
      const link = new CountingLink();
      hub.accept(link.attach, { authorize: () => true });
      link.say({ t: 'join', th: 't', codecs: ['whole'], late });
      links.push(link);
    }
  }
  await clock.advance(100);
  const stream = nodes[0]?.hub.thread('t').stream({ id: 's', codec: whole });
  await Promise.all([stream?.write(make()), clock.advance(1_000)]);
  await clock.advance(1_000);
  for (const { takenBytes } of links) expect(takenBytes).toBeGreaterThan(0.8 * SIZE);
  expect(all).toBeGreaterThan(0.8 * SIZE);
  expect(most).toBeLessThan(4 * MIB);
  for (const { hub, errors } of nodes) {
    expect(errors).toEqual([]);
    // of the clock, which counts how often the work looks at it
    expect(hub.stats().longestSliceMs).toBeLessThanOrEqual(5);
  }
  await Promise.all([stream?.end(), clock.advance(1_000)]);
  for (const node of nodes) await node.close();
});
