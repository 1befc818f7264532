import { beforeEach, describe, expect, it } from 'vitest';
import type { Connector } from '../../../src/infra/redis-log-client.ts';
import type { Arrival } from '../../../src/infra/redis-log-codec.ts';
import { RedisLink } from '../../../src/infra/redis-log-link.ts';
import { resolveRedisLog } from '../../../src/infra/redis-log-options.ts';
import { RedisSource } from '../../../src/infra/redis-log-source.ts';
import { RedisTail } from '../../../src/infra/redis-log-tail.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

// what cannot be timed with a real Redis: what happens while an answer is on its way

const EPOCH = 'e';
let clock: VirtualClock;
/** Entries that Redis has. */
let head: number;
/** Answers that the test gives, oldest first. */
let answers: (() => void)[];
let link: RedisLink;
let tail: RedisTail;

const idOf = (offset: number): string => `m${offset}`;

function arrival(offset: number): Arrival {
  const header = { by: 'other', isCritical: false, key: undefined, ms: undefined, traceparent: undefined };
  return { epoch: EPOCH, offset, at: 0, id: idOf(offset), header, body: Buffer.from('1') };
}

/** What Redis answers now: an anchor, or a page of its stream. */
function answer([command, , from, , , count]: readonly (string | Buffer)[]): unknown {
  if (command !== 'XRANGE') return [EPOCH, head, head === 0 ? '' : idOf(head), '0', null];
  const size = Math.min(Number(count), head - Number(from) + 1);
  return Array.from({ length: size }, (_, i) => {
    const offset = Number(from) + i;
    return [`${offset}-0`, ['i', idOf(offset), 'h', '{}', 'd', Buffer.from('1')]];
  });
}

beforeEach(async () => {
  clock = new VirtualClock();
  head = 0;
  answers = [];
  const connect: Connector = () =>
    Promise.resolve({
      publishCommand: 'PUBLISH',
      extent: 'ended',
      call: (_key, args) => {
        const { promise, resolve } = Promise.withResolvers<unknown>();
        const reply = answer(args);
        answers.push(() => resolve(reply));
        return promise;
      },
      subscribe: () => Promise.resolve(),
      unsubscribe: () => Promise.resolve(),
      destroy: () => {},
    });
  const settings = resolveRedisLog({ clock });
  const timing = { commandTimeoutMs: 2_000, connectTimeoutMs: 2_000, clock, random: () => 0.5 };
  link = new RedisLink(connect, timing, { onUp: () => {}, onDown: () => {}, onTick: () => {} });
  tail = new RedisTail({
    threadId: 't',
    settings,
    source: new RedisSource('t', link, settings),
    isClosed: false,
    subscribed: () => link.whenUp(),
    ownAppend: () => undefined,
    onEntry: () => {},
    onReset: () => {},
    onSilence: () => {},
  });
  await clock.settle();
});

/** Gives all answers that are due, and those that are asked for thereupon. */
async function answerAll(): Promise<void> {
  while (answers.length > 0) {
    for (const give of answers.splice(0)) give();
    await clock.settle();
  }
}

describe('the tail of a thread', () => {
  it('has all that was published while it waited for an answer, however much that was', async () => {
    const ready = tail.ready();
    await clock.settle();
    expect(answers).toHaveLength(1);
    for (let offset = 1; offset <= 2_000; offset++) tail.place(arrival(offset));
    head = 2_000;
    await answerAll();
    await ready;
    await answerAll();
    expect(tail.buffer.head).toBe(2_000);
    tail.end();
    link.close();
  });
});
