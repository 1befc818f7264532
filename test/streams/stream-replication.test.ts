import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  memoryLog,
  streamArray,
  type DeliveryLog,
  type HubOptions,
  type LogTail,
  type TokenStream,
} from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';
import { trials } from '../support/tier.ts';

let clock: VirtualClock;
let shared: SharedLog;
let nodes: Harness[];
/** Notes are lost while it is true. */
let isDeaf: boolean;
/** Notes on their way, in bytes. */
let noted: number;
/** Nodes that hear no notes, and nodes whose notes are lost. */
let deaf: Set<Harness>;
let mute: Set<Harness>;
/** The last note that was sent. */
let lastNote: string;

function startAnew(): void {
  clock = new VirtualClock();
  shared = new SharedLog(memoryLog({ clock }));
  nodes = [];
  isDeaf = false;
  noted = 0;
  deaf = new Set();
  mute = new Set();
  lastNote = '';
}

beforeEach(startAnew);
afterEach(async () => {
  for (const node of nodes) {
    expect(node.errors).toEqual([]);
    await node.close();
  }
  await clock.settle();

  expect(clock.pending).toBe(0);
});

function addNode(options: HubOptions = {}, tailOf: (tail: LogTail) => LogTail = (tail) => tail): Harness {
  const log = shared.node();
  const lossy: DeliveryLog = {
    ...log,
    notify(threadId, note) {
      noted += note.length;
      lastNote = note;
      if (!isDeaf && !mute.has(node)) log.notify?.(threadId, note);
    },
    async subscribe(threadId, onEntry, onNodeMessage) {
      const subscription = await log.subscribe(threadId, onEntry, (note) => {
        if (!deaf.has(node)) onNodeMessage?.(note);
      });
      return { ...subscription, tail: tailOf(subscription.tail) };
    },
  };
  const node: Harness = makeHarness({ clock, log: lossy, streams: { timeoutMs: 10_000 }, ...options });
  nodes.push(node);
  return node;
}

async function join(node: Harness, frame: object = {}, userId = 'ada'): Promise<FakeLink> {
  const link = new FakeLink();
  node.hub.accept(link.attach, { userId, authorize: () => true });
  link.say({ t: 'join', th: 't', ...frame });
  await clock.settle();
  return link;
}

const begin = (node: Harness, id = 's'): TokenStream => node.hub.thread('t').stream({ id });
/** Text of streams; their announcements are left out. */
const toks = (link: FakeLink): unknown[][] =>
  framesOf(link, 'tok').flatMap(({ s, at, d }) => (d === '' ? [] : [[s, at, d]]));

/** The text of a stream, put together as a client does. */
function textOf(link: FakeLink, id: string): string {
  let text = '';
  for (const { s, at, d } of framesOf(link, 'tok')) {
    if (s !== id) continue;
    expect(at).toBe(text.length);
    text += String(d);
  }
  return text;
}

test('text and the end reach the members of another node', async () => {
  const [here, there] = [addNode(), addNode()];
  const link = await join(there);
  const stream = begin(here);
  stream.append('one ');
  await clock.settle();
  expect(toks(link)).toEqual([['s', 0, 'one ']]);
  stream.append('two ');
  stream.append('three');
  await clock.advance(50);
  expect(toks(link).slice(1)).toEqual([['s', 4, 'two three']]);
  await here.run(stream.end());
  expect(dataOf(link)).toEqual([{ text: 'one two three' }]);
  expect([here, there].map(({ hub }) => hub.stats().streams)).toEqual([0, 0]);
});

test('a node that begins to hold the thread gets the text so far', async () => {
  const here = addNode();
  const stream = begin(here);
  stream.append('x'.repeat(200_000));
  await clock.advance(50);
  const [there, elsewhere] = [addNode(), addNode()];
  noted = 0;
  const links = await Promise.all([join(there), join(elsewhere), join(there, { s: { s: 199_999 } })]);
  await clock.advance(100);
  expect(links.map((link) => toks(link).reduce((sum, [, , d]) => sum + String(d).length, 0))).toEqual([
    200_000, 200_000, 1,
  ]);
  // both were answered together
  expect(noted).toBeLessThan(202_000);
});

test('text whose news was lost is asked for', async () => {
  const [here, there] = [addNode(), addNode()];
  const link = await join(there);
  const stream = begin(here);
  stream.append('one ');
  await clock.advance(50);
  isDeaf = true;
  stream.append('two ');
  await clock.advance(50);
  isDeaf = false;
  stream.append('three');
  await clock.advance(100);
  expect(toks(link)).toEqual([
    ['s', 0, 'one '],
    ['s', 4, 'two three'],
  ]);
  // also the very beginning
  isDeaf = true;
  const other = begin(here, 'u');
  other.append('a');
  await clock.advance(50);
  isDeaf = false;
  other.append('b');
  await clock.advance(100);
  expect(toks(link).at(-1)).toEqual(['u', 0, 'ab']);
});

test('a cancel reaches the publisher on another node', async () => {
  const [here, there] = [addNode(), addNode()];
  const link = await join(there, {}, 'bob');
  const refusing = here.hub.thread('t').stream({ id: 'r', mayCancel: ({ userId }) => userId === 'ada' });
  const stream = begin(here);
  for (const one of [stream, refusing]) one.append('text');
  await clock.advance(50);
  for (const s of ['s', 'r', 'unknown']) link.say({ t: 'cancel', th: 't', s });
  await clock.settle();
  expect(stream.signal.reason).toMatchObject({ reason: 'cancelled', userId: 'bob' });
  expect(refusing.signal.aborted).toBe(false);
});

test('a publisher whose process dies leaves one mark, by whoever holds the thread', async () => {
  const [here, there, elsewhere] = [addNode(), addNode(), addNode()];
  const links = [await join(there), await join(elsewhere)];
  const stream = begin(here);
  stream.append('half');
  await clock.advance(9_000);
  stream.append('');
  await clock.advance(9_000);
  expect(links.flatMap(dataOf)).toEqual([]);
  // no word from it any more
  isDeaf = true;
  stream.append('');
  await clock.advance(4_000);
  stream.append('');
  await clock.advance(4_000);
  expect(links.map(dataOf)).toEqual([[{ text: 'half', aborted: 'lost' }], [{ text: 'half', aborted: 'lost' }]]);
  // it was not dead after all: it is told, and its end changes nothing
  expect(stream.signal.reason).toMatchObject({ reason: 'ended' });
  expect(() => stream.append('more')).toThrow(/has ended/);
  await expect(here.run(stream.end())).rejects.toMatchObject({ code: 'TC_STREAM_EXISTS', streamId: 's' });
});

test('late news of a stream that has ended do not begin it again, on a node that knew it or did not', async () => {
  const [here, there, elsewhere] = [addNode(), addNode(), addNode()];
  const links = [await join(there), await join(elsewhere)];
  deaf.add(elsewhere);
  const stream = begin(here);
  stream.append('text');
  await clock.advance(50);
  const news = lastNote;
  deaf.clear();
  await here.run(stream.end());
  shared.node().notify?.('t', news);
  await clock.advance(50);
  expect(links.map(toks)).toEqual([[['s', 0, 'text']], []]);
  expect(links.map(dataOf)).toEqual([[{ text: 'text' }], [{ text: 'text' }]]);
  expect(nodes.map(({ hub }) => hub.stats().streams)).toEqual([0, 0, 0]);
});

test('a stream that begins on a node after its end is over there in time, without another message', async () => {
  // as a tail that does not hold the message any more
  const forgetful = addNode({}, (tail) => ({
    at: (offset) => tail.at(offset),
    criticalAfter: (offset) => tail.criticalAfter(offset),
    criticalCountAfter: (offset) => tail.criticalCountAfter(offset),
    get epoch() {
      return tail.epoch;
    },
    get first() {
      return tail.first;
    },
    get head() {
      return tail.head;
    },
    get headId() {
      return tail.headId;
    },
  }));
  const here = addNode();
  const link = await join(forgetful);
  deaf.add(forgetful);
  const stream = begin(here);
  stream.append('text');
  await clock.advance(50);
  const news = lastNote;
  await here.run(stream.end());
  deaf.clear();
  shared.node().notify?.('t', news);
  await clock.advance(50);
  expect(forgetful.hub.stats().streams).toBe(1);
  await clock.advance(18_000);
  expect(forgetful.hub.stats().streams).toBe(0);
  expect(dataOf(link)).toEqual([{ text: 'text' }]);
  expect(framesOf(link, 'tok')).toMatchObject([
    { s: 's', at: 0, d: 'text' },
    { s: 's', lost: true },
  ]);
});

test('a publisher tells nothing after its end, for which a node that has just come may ask', async () => {
  const here = addNode();
  const stream = begin(here);
  stream.append('text');
  await clock.advance(50);
  noted = 0;
  const ended = stream.end();
  // its message is on its way
  await Promise.resolve();
  const there = addNode();
  const link = await join(there, { from: 'start' });
  await clock.advance(100);
  await here.run(ended);
  expect(toks(link)).toEqual([]);
  expect(dataOf(link)).toEqual([{ text: 'text' }]);
});

/** A source that has no next element. */
const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };

test('what members of the publisher have of a stream whose end waits, other nodes have too: they mark no less', async () => {
  const [here, there] = [addNode({ serializer: { timeoutMs: 60_000 } }), addNode()];
  const [near, far] = [await join(here), await join(there)];
  const stream = begin(here);
  stream.append('half');
  await clock.advance(50);
  // the end waits for a message before it
  const blocking = here.hub.thread('t').send(streamArray(never));
  stream.append(' and more');
  const ended = stream.end();
  for (const sent of [blocking, ended]) sent.catch(() => {});
  await clock.advance(50);
  expect([near, far].map((link) => textOf(link, 's'))).toEqual(['half and more', 'half and more']);
  // a publisher that is alive is not taken for dead while its end waits
  await clock.advance(30_000);
  expect([near, far].flatMap(dataOf)).toEqual([]);
  const closed = here.hub.close();
  await clock.advance(2_000);
  await closed;
  await expect(blocking).rejects.toMatchObject({ code: 'TC_HUB_CLOSED' });
  await expect(ended).rejects.toMatchObject({ code: 'TC_THREAD_CLOSED' });
  await clock.advance(20_000);
  expect(dataOf(far)).toEqual([{ text: 'half and more', aborted: 'lost' }]);
});

test('the mark of a publisher that died has the longest text that a process knows', async () => {
  const [here, there, elsewhere] = [addNode(), addNode(), addNode()];
  const links = [await join(there), await join(elsewhere)];
  const stream = begin(here);
  stream.append('half');
  await clock.advance(50);
  deaf.add(there);
  stream.append(' and more');
  await clock.advance(50);
  deaf.clear();
  mute.add(here);
  expect(links.map((link) => textOf(link, 's'))).toEqual(['half', 'half and more']);
  for (let i = 0; i < 4; i++) {
    stream.append('');
    await clock.advance(4_500);
  }
  const mark = { text: 'half and more', aborted: 'lost' };
  expect(links.map(dataOf)).toEqual([[mark], [mark]]);
});

test('a publisher whose words were lost answers when it is taken for dead, and goes on', async () => {
  const [here, there] = [addNode(), addNode()];
  const link = await join(there);
  const stream = begin(here);
  stream.append('text');
  await clock.advance(50);
  deaf.add(there);
  for (let i = 0; i < 3; i++) {
    await clock.advance(4_800);
    stream.append('');
  }
  deaf.clear();
  mute.add(here);
  await clock.advance(100);
  mute.clear();
  for (let i = 0; i < 4; i++) {
    await clock.advance(2_000);
    stream.append('');
  }
  expect(dataOf(link)).toEqual([]);
  stream.append(' goes on');
  await here.run(stream.end());
  expect(dataOf(link)).toEqual([{ text: 'text goes on' }]);
});

test('a stream under the id of a message is refused; one whose id is taken meanwhile ends with an error', async () => {
  const here = addNode();
  const { hub, run } = here;
  await run(hub.thread('t').send(1, { idempotencyKey: 'taken' }));
  expect(() => hub.thread('t').stream({ id: 'taken' })).toThrow(expect.objectContaining({ code: 'TC_STREAM_EXISTS' }));
  const stream = begin(here);
  stream.append('text');
  await clock.advance(50);
  // by a node that does not know of the stream
  const there = addNode();
  mute.add(here);
  await there.run(there.hub.thread('t').send('mine', { idempotencyKey: 's' }));
  expect(stream.signal.aborted).toBe(true);
  await expect(run(stream.end())).rejects.toMatchObject({ code: 'TC_STREAM_EXISTS', streamId: 's' });
});

test('a stream that a client knows, and nobody any more, is lost to it', async () => {
  const node = addNode();
  const link = await join(node, { s: { gone: 7, s: 2 } });
  const stream = begin(addNode());
  stream.append('text');
  for (let i = 0; i < 2; i++) {
    await clock.advance(7_000);
    stream.append('');
  }
  expect(framesOf(link, 'tok')).toMatchObject([{ s: 's', at: 2, d: 'xt' }]);
  await clock.advance(2_000);
  expect(framesOf(link, 'tok').slice(1)).toEqual([{ t: 'tok', th: 't', s: 'gone', lost: true }]);
});

test('notes that make no sense change nothing', async () => {
  const [here, there] = [addNode(), addNode()];
  const link = await join(there);
  await join(here);
  const stranger = shared.node();
  await stranger.subscribe('t', () => {});
  const notes = [
    's',
    's{',
    's[]',
    's{"k":"tok"}',
    's{"k":"tok","s":"x","at":-1,"d":"a","ms":1}',
    's{"k":"ask","s":1,"at":0}',
  ];
  notes.push('s{"k":"cancel","s":"s"}', 's{"k":"cancel","s":"s","by":{}}', 's{"k":"later","s":"s"}');
  for (const note of notes) stranger.notify?.('t', note);
  await clock.advance(100);
  expect(toks(link)).toEqual([]);
  expect(there.hub.stats().streams).toBe(0);
});

test('a drain that has no time for the mark of a stream reports that its text is lost', async () => {
  const here = makeHarness({ clock, serializer: { timeoutMs: 60_000 } });
  const stream = begin(here);
  const left = begin(here, 'left');
  for (const one of [stream, left]) one.append('text');
  const blocking = here.hub.thread('t').send(streamArray(never));
  const ended = stream.end();
  for (const sent of [blocking, ended]) sent.catch(() => {});
  const drained = here.hub.drain({ timeoutMs: 1_000 });
  await clock.advance(15_000);
  await drained;
  // the application hears of what it has ended, and of what it has not
  await expect(ended).rejects.toMatchObject({ code: 'TC_THREAD_CLOSED' });
  expect(left.signal.reason).toMatchObject({ reason: 'drain' });
  expect(here.errors).toMatchObject([{ code: 'TC_STREAM_LOST', threadId: 't', streamId: 'left', length: 4 }]);
});

test('late news of a stream does not begin it again', async () => {
  const [here, there] = [addNode(), addNode()];
  const link = await join(there);
  const stream = begin(here);
  stream.append('text');
  await clock.advance(50);
  await here.run(stream.end());
  shared.node().notify?.('t', 's{"k":"tok","s":"s","at":0,"d":"text","ms":1000}');
  await clock.advance(100);
  expect(there.hub.stats().streams).toBe(0);
  expect(toks(link)).toHaveLength(1);
});

/** More than a note holds. */
const A_LOT = 'a lot';

const steps = fc.array(
  fc.record({
    do: fc.constantFrom('append', 'append', 'append', 'end', 'lose', 'wait', 'join', 'node'),
    n: fc.nat({ max: 50 }),
    text: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constant(A_LOT)),
  }),
  { maxLength: 60 },
);

test('whatever news is lost, every node has the text of every stream', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      startAnew();
      const here = [addNode(), addNode()];
      const links = await Promise.all(here.map((node) => join(node)));
      const streams: (TokenStream | undefined)[] = [];
      const texts = new Map<string, string>();
      const ends: Promise<unknown>[] = [];
      const append = (index: number, word: string): void => {
        const text = word === A_LOT ? 'x'.repeat(70_000) : word;
        const stream = (streams[index] ??= begin(here[index % 2] ?? addNode(), `s${texts.size}`));
        stream.append(text);
        texts.set(stream.id, (texts.get(stream.id) ?? '') + text);
      };
      for (const { do: what, n, text } of steps) {
        const index = n % 3;
        if (what === 'append') append(index, text);
        else if (what === 'lose') isDeaf = n % 2 === 0;
        else if (what === 'wait') await clock.advance(n);
        else if (what === 'node' && nodes.length < 4) links.push(await join(addNode()));
        else if (what === 'join') links.push(await join(here[n % 2] ?? addNode()));
        else if (what === 'end') {
          const stream = streams[index];
          streams[index] = undefined;
          if (stream !== undefined) ends.push(stream.end());
        }
      }
      // what was lost is asked for with the next news
      isDeaf = false;
      await clock.advance(1_100);
      for (const index of streams.keys()) if (streams[index] !== undefined) append(index, '.');
      await clock.advance(200);
      const told = links.map((link) => streams.map((stream) => stream && textOf(link, stream.id)));
      expect(told).toEqual(links.map(() => streams.map((stream) => stream && texts.get(stream.id))));
      for (const stream of streams) if (stream !== undefined) ends.push(stream.end());
      await clock.settle();
      await Promise.all(ends);
      await clock.advance(100);
      expect(nodes.map(({ hub }) => hub.stats().streams)).toEqual(nodes.map(() => 0));
      for (const node of nodes.splice(0)) {
        expect(node.errors).toEqual([]);
        await node.close();
      }
    }),
    trials(80),
  );
});
