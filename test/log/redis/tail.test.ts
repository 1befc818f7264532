import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Connector } from '../../../src/infra/log/redis/connections.ts';
import type { Arrival } from '../../../src/infra/log/shared/arrival.ts';
import { RedisSession } from '../../../src/infra/log/redis/session.ts';
import { resolveRedisLog } from '../../../src/infra/log/redis/options.ts';
import { LogReader } from '../../../src/infra/log/redis/log-reader.ts';
import { READ } from '../../../src/infra/log/redis/scripts.ts';
import { SharedTail } from '../../../src/infra/log/shared/tail.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

// what cannot be timed with a real Redis: what happens while an answer is on its way

let clock: VirtualClock;
/** Entries that Redis has, and the life that they are of. */
let head: number;
let epoch: string;
/** Answers that the test gives, oldest first. */
let answers: (() => void)[];
let link: RedisSession;
let tail: SharedTail;
/** What the readers are told. */
let told: string[];

const idOf = (offset: number): string => `m${offset}`;

function arrival(offset: number): Arrival {
  const header = {
    by: 'other',
    isCritical: false,
    key: undefined,
    ms: undefined,
    traceparent: undefined,
    kind: 'message' as const,
    target: undefined,
    except: undefined,
    isShared: false,
    isEdited: false,
  };
  return { epoch, offset, at: 0, id: idOf(offset), header, body: [Buffer.from('1')] };
}

/** What Redis answers now: an anchor, or a page of its stream. */
function answer([, sha, , , , from, , , count]: readonly (string | Buffer)[]): unknown {
  if (sha !== READ.sha) return [[epoch, head, head === 0 ? '' : idOf(head), '0', null]];
  const size = Math.min(Number(count), head - Number(from) + 1);
  const entries = Array.from({ length: size }, (_, i) => {
    const offset = Number(from) + i;
    return [offset, Buffer.from(`E0 ${idOf(offset)} 2 {}1`)];
  });
  return [epoch, ...entries.flat()];
}

beforeEach(async () => {
  clock = new VirtualClock();
  head = 0;
  epoch = 'one';
  answers = [];
  told = [];
  const connect: Connector = () =>
    Promise.resolve({
      publishCommand: 'PUBLISH',
      extent: 'ended',
      shardOf: () => '',
      everyShard: () => [],
      call: (_key, args) => {
        if (args[0] === 'SCRIPT') return Promise.resolve(null);
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
  link = new RedisSession(connect, timing, { onUp: () => {}, onDown: () => {}, onTick: () => {} });
  tail = new SharedTail({
    threadId: 't',
    settings,
    source: new LogReader('t', link, settings),
    isClosed: false,
    subscribed: () => link.whenUp(),
    ownAppend: () => undefined,
    onEntry: ({ id }) => told.push(id),
    onReset: ({ why }) => told.push(why),
    onSilence: () => {},
    makeRoom: () => Promise.resolve(true),
  });
  await clock.settle();
});

afterEach(() => {
  tail.end();
  link.close();
});

/** Gives all answers that are due, and those that are asked for thereupon. */
async function answerAll(): Promise<void> {
  await clock.settle();
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
  });

  it('tells nothing any more once it has ended, also of what was asked for before', async () => {
    const ready = tail.ready();
    await answerAll();
    await ready;
    head = 10;
    void tail.catchUp();
    await clock.settle();
    // the anchor is answered, the page of entries is asked for
    answers.shift()?.();
    await clock.settle();
    expect(answers).toHaveLength(1);
    tail.end();
    await answerAll();
    expect(told).toEqual([]);
    expect(tail.buffer.bytes).toBe(0);
  });

  it('tells nothing any more once it has ended, also where histories part', async () => {
    const ready = tail.ready();
    await answerAll();
    await ready;
    epoch = 'two';
    void tail.catchUp();
    await clock.settle();
    answers.shift()?.();
    await clock.settle();
    tail.end();
    await answerAll();
    expect(told).toEqual([]);
  });
});
