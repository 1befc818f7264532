import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineThread } from '../../src/define/index.ts';
import { answer, memoryLog, type DeliveryLog, type PublishAnswer, type PublishedMessage } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';

const room = defineThread('room:*', { message: z.unknown(), answer: z.object({ number: z.number() }) });
const plain = defineThread('plain:*', { message: z.unknown() });

let clock: VirtualClock;
/** Counts what a hub asks of its log. */
let claims: number;
const nodes: Harness[] = [];
let asked: string[];
let onPublish: (message: PublishedMessage, node: Harness) => PublishAnswer | Promise<PublishAnswer>;

function node(log: DeliveryLog): Harness {
  const { answers } = log;
  const counting: DeliveryLog = {
    ...log,
    answers: answers && {
      claim: (...args) => {
        claims++;
        return answers.claim(...args);
      },
      answer: (...args) => answers.answer(...args),
      release: (...args) => answers.release(...args),
    },
  };
  const harness = makeHarness({ clock, log: counting, threads: [room, plain], development: true });
  nodes.push(harness);
  return harness;
}

/** A connection of the same user. */
function connect(harness: Harness): FakeLink {
  const link = new FakeLink();
  harness.hub.accept(link.attach, {
    userId: 'ada',
    authorize: () => true,
    onPublish: (message) => {
      asked.push(message.id.slice(message.id.indexOf('.') + 1));
      return onPublish(message, harness);
    },
  });
  return link;
}

async function publish(link: FakeLink, id: string, th = 'room:1'): Promise<Record<string, unknown> | undefined> {
  link.say({ t: 'pub', th, id, d: id });
  await clock.settle();
  return [...framesOf(link, 'ok'), ...framesOf(link, 'err')].findLast((frame) => frame['id'] === id);
}

let here: Harness;
let there: Harness;

beforeEach(() => {
  clock = new VirtualClock();
  claims = 0;
  asked = [];
  nodes.length = 0;
  const log = new SharedLog(memoryLog({ clock }));
  here = node(log.node());
  there = node(log.node());
  let number = 0;
  onPublish = async ({ threadId, id, data }, { hub }) =>
    answer({ number: ++number }, await hub.thread(threadId).send(data, { idempotencyKey: id }));
});

afterEach(async () => {
  for (const harness of nodes) {
    await harness.close();
    expect(harness.errors).toEqual([]);
  }
  expect(clock.pending).toBe(0);
});

it.each(['room:1', 'anything', 'plain:1'])(
  'a retry in %s gets the first answer, and onPublish runs once',
  async (th) => {
    const link = connect(here);
    const first = await publish(link, 'a', th);
    expect(first).toMatchObject({
      t: 'ok',
      d: { number: 1 },
      mid: expect.stringMatching(/\.a$/),
      pos: expect.any(String),
    });
    expect(await publish(link, 'a', th)).toEqual(first);
    expect(await publish(connect(here), 'a', th)).toEqual(first);
    expect(await publish(connect(there), 'b', th)).toMatchObject({ d: { number: 2 } });
    expect(asked).toEqual(['a', 'b']);
    expect(framesOf(link, 'ok')).toHaveLength(2);
  },
);

it('a retry on the other node gets it, and no other user’s or thread’s', async () => {
  const first = await publish(connect(here), 'a');
  expect(await publish(connect(there), 'a')).toEqual(first);
  expect(await publish(connect(there), 'a', 'room:2')).toMatchObject({ d: { number: 2 } });
  const link = new FakeLink();
  there.hub.accept(link.attach, { userId: 'bob', authorize: () => true, onPublish: () => answer({ number: 7 }) });
  expect(await publish(link, 'a')).toMatchObject({ d: { number: 7 } });
  expect(asked).toEqual(['a', 'a']);
});

it('an answer may be bytes: as base64 that says so, also for a retry on the other node', async () => {
  onPublish = () => answer(Uint8Array.of(0, 255));
  const first = await publish(connect(here), 'a', 'anything');
  expect(first).toMatchObject({ t: 'ok', enc: 'base64', d: 'AP8=' });
  expect(await publish(connect(there), 'a', 'anything')).toEqual(first);
  onPublish = () => answer('AP8=');
  expect(await publish(connect(here), 'text', 'anything')).not.toHaveProperty('enc');
  onPublish = () => answer(new Uint8Array(49_152));
  expect(await publish(connect(here), 'big', 'anything')).toMatchObject({ code: 'TC_ANSWER_TOO_LARGE' });
  expect(here.errors.splice(0)).toMatchObject([{ code: 'TC_ANSWER_TOO_LARGE' }]);
});

it('is forgotten after ten minutes', async () => {
  await publish(connect(here), 'a');
  await clock.advance(599_000);
  expect(await publish(connect(there), 'a')).toMatchObject({ d: { number: 1 } });
  await clock.advance(2_000);
  expect(await publish(connect(there), 'a')).toMatchObject({ d: { number: 2 } });
});

describe('while the first attempt is still running', () => {
  let resolve: (answer: PublishAnswer) => void;

  beforeEach(() => {
    onPublish = () =>
      new Promise((done) => {
        resolve = done;
      });
  });

  it.each(['this', 'the other'])('a retry on %s node waits for it', async (where) => {
    const [first, retry] = [connect(here), connect(where === 'this' ? here : there)];
    expect(await publish(first, 'a')).toBeUndefined();
    first.terminate();
    expect(await publish(retry, 'a')).toBeUndefined();
    await clock.advance(5_000);
    resolve(answer({ number: 1 }));
    await clock.advance(1_100);
    expect(framesOf(retry, 'ok')).toMatchObject([{ id: 'a', d: { number: 1 } }]);
    expect(asked).toEqual(['a']);
  });

  it('its timeout refuses both, and the answer that comes late is remembered', async () => {
    const [first, retry] = [connect(here), connect(there)];
    await publish(first, 'a');
    await publish(retry, 'a');
    await clock.advance(33_000);
    for (const link of [first, retry]) expect(framesOf(link, 'err')).toMatchObject([{ code: 'TC_ANSWER_TIMEOUT' }]);
    resolve(answer({ number: 1 }));
    await clock.settle();
    expect(await publish(connect(there), 'a')).toMatchObject({ t: 'ok', d: { number: 1 } });
    expect(asked).toEqual(['a']);
    for (const { errors } of nodes) expect(errors.splice(0)).toMatchObject([{ code: 'TC_ANSWER_TIMEOUT' }]);
  });

  it('its refusal is the retry’s on this node; a later one is asked anew, on any node', async () => {
    const [first, retry] = [connect(here), connect(here)];
    await publish(first, 'a');
    await publish(retry, 'a');
    resolve(false);
    await clock.settle();
    for (const link of [first, retry]) expect(framesOf(link, 'err')).toMatchObject([{ code: 'forbidden' }]);
    onPublish = () => answer({ number: 2 });
    expect(await publish(connect(there), 'a')).toMatchObject({ d: { number: 2 } });
    expect(asked).toEqual(['a', 'a']);
  });

  it('a node that drains leaves the retry to another', async () => {
    const [first, retry] = [connect(here), connect(there)];
    await publish(first, 'a');
    await publish(retry, 'a');
    const drained = there.hub.drain();
    await clock.advance(3_000);
    await drained;
    expect(framesOf(retry, 'err')).toEqual([]);
    resolve(true);
  });
});

it('an error gives the key back: the retry is asked', async () => {
  onPublish = () => Promise.reject(new Error('no database'));
  expect(await publish(connect(here), 'a')).toMatchObject({ code: 'internal' });
  onPublish = () => answer({ number: 1 });
  expect(await publish(connect(there), 'a')).toMatchObject({ d: { number: 1 } });
  expect(here.errors.splice(0)).toMatchObject([{ message: 'no database' }]);
});

it('what is accepted without data is asked again: its id makes it one message', async () => {
  onPublish = ({ threadId, id, data }, { hub }) => hub.thread(threadId).send(data, { idempotencyKey: id });
  const link = connect(here);
  await here.run([...here.hub.connections][0]?.join('room:1') ?? Promise.reject(new Error('no connection')));
  expect(await publish(link, 'a')).toEqual(await publish(connect(there), 'a'));
  expect([asked, dataOf(link)]).toEqual([['a', 'a'], ['a']]);
});

it('threads whose definition has no answer ask nothing of the log', async () => {
  onPublish = () => true;
  await publish(connect(here), 'a', 'plain:1');
  expect(claims).toBe(0);
  await publish(connect(here), 'a', 'room:1');
  expect(claims).toBe(1);
});

it('a log that cannot remember leaves a later retry to the application', async () => {
  const log = memoryLog({ clock });
  const lacking = node({ ...withoutAnswers(log) });
  expect(await publish(connect(lacking), 'a')).toMatchObject({ d: { number: 1 } });
  expect(await publish(connect(lacking), 'a')).toMatchObject({ d: { number: 2 } });
});

it('in development, data that does not fit the definition refuses, with an error event', async () => {
  onPublish = () => answer({ number: 'one' });
  expect(await publish(connect(here), 'a')).toMatchObject({ t: 'err', code: 'TC_INVALID_ANSWER' });
  expect(here.errors.splice(0)).toMatchObject([
    { code: 'TC_INVALID_ANSWER', threadId: 'room:1', pattern: 'room:*', issues: [{ path: 'number' }] },
  ]);
  expect(await publish(connect(here), 'b', 'anything')).toMatchObject({ t: 'ok', d: { number: 'one' } });
});

it('too much data refuses, and is not remembered', async () => {
  onPublish = () => answer({ number: 1, more: 'x'.repeat(65_536) });
  expect(await publish(connect(here), 'a', 'anything')).toMatchObject({ code: 'TC_ANSWER_TOO_LARGE' });
  expect(here.errors.splice(0)).toHaveLength(1);
  onPublish = () => answer('small');
  expect(await publish(connect(here), 'a', 'anything')).toMatchObject({ d: 'small' });
});

/** As an object of its own: the log's methods are not all its own properties. */
function withoutAnswers(log: DeliveryLog): DeliveryLog {
  return {
    append: (draft) => log.append(draft),
    readAfter: (...args) => log.readAfter(...args),
    readBefore: (...args) => log.readBefore(...args),
    position: (threadId) => log.position(threadId),
    subscribe: (...args) => log.subscribe(...args),
    sweep: () => {},
    close: () => log.close(),
  };
}
