import { afterEach, beforeEach, expect, it } from 'vitest';
import { memoryLog, type AcceptOptions, type DeliveryLog } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';

let clock: VirtualClock;
let shared: SharedLog;
let harnesses: Harness[];

beforeEach(() => {
  clock = new VirtualClock();
  shared = new SharedLog(memoryLog({ clock }));
  harnesses = [];
});

afterEach(async () => {
  for (const harness of harnesses) {
    expect(harness.errors).toEqual([]);
    await harness.close();
  }
});

function start(log: DeliveryLog = shared.node()): Harness {
  const harness = makeHarness({ clock, log });
  harnesses.push(harness);
  return harness;
}

async function join({ hub }: Harness, fields: object = {}, options: AcceptOptions = {}): Promise<FakeLink> {
  const link = new FakeLink();
  hub.accept(link.attach, { authorize: () => true, ...options });
  link.say({ t: 'join', th: 't', ref: 1, ...fields });
  await clock.settle();
  return link;
}

const toks = (link: FakeLink) => framesOf(link, 'tok').map(({ s, at, d, lost }) => [s, at, d ?? lost]);

it('a stream is announced once when it begins, on all nodes, and can be cancelled before its first token', async () => {
  const [here, there] = [start(), start()];
  const links = [await join(here), await join(there)];
  const stream = here.hub.thread('t').stream({ id: 's' });
  await clock.settle();
  expect(links.map(toks)).toEqual([[['s', 0, '']], [['s', 0, '']]]);
  await clock.advance(5_000);
  expect(links.map((link) => toks(link).length)).toEqual([1, 1]);
  expect([here, there].map(({ hub }) => hub.thread('t').streams())).toEqual([
    [{ id: 's', length: 0 }],
    [{ id: 's', length: 0 }],
  ]);
  links[1]?.say({ t: 'cancel', th: 't', s: 's' });
  await clock.settle();
  expect(stream.signal.aborted).toBe(true);
  await here.run(stream.abort('cancelled'));
  expect([here, there].map(({ hub }) => hub.thread('t').streams())).toEqual([[], []]);
});

it('text that is appended at once needs no announcement', async () => {
  const here = start(memoryLog({ clock }));
  const link = await join(here);
  here.hub.thread('t').stream({ id: 's' }).append('one');
  await clock.settle();
  expect(toks(link)).toEqual([['s', 0, 'one']]);
  expect(here.hub.thread('t').streams()).toEqual([{ id: 's', length: 3 }]);
});

it('joined names the streams in progress, also to who joins once more, on a node that has just opened the thread, too', async () => {
  const [here, there] = [start(), start()];
  const thread = here.hub.thread('t');
  expect(thread.streams()).toEqual([]);
  await join(here);
  thread.stream({ id: 'a' });
  thread.stream({ id: 'b' }).append('text');
  await clock.settle();
  const link = await join(here);
  expect(framesOf(link, 'joined').map(({ streams }) => streams)).toEqual([['a', 'b']]);
  expect(toks(link)).toEqual([['b', 0, 'text']]);
  link.say({ t: 'join', th: 't', ref: 2, s: { a: 0, b: 4 } });
  await clock.settle();
  expect([framesOf(link, 'joined').at(-1)?.['streams'], toks(link).length]).toEqual([['a', 'b'], 1]);
  const far = await join(there);
  await clock.advance(100);
  const heard = [...framesOf(far, 'joined'), ...framesOf(far, 'tok')].flatMap(({ streams, s }) => streams ?? s);
  expect([new Set(heard), toks(far)]).toEqual([new Set(['a', 'b']), expect.arrayContaining([['b', 0, 'text']])]);
  expect(framesOf(await join(there, { th: 'other' }), 'joined')[0]).not.toHaveProperty('streams');
});

it('a plain connection hears of no stream', async () => {
  const here = start(memoryLog({ clock }));
  const link = new FakeLink();
  const connection = here.hub.accept(link.attach, { format: 'plain' });
  await connection.join('t');
  here.hub.thread('t').stream({ id: 's' });
  await clock.settle();
  expect(link.messages).toEqual([]);
});

it('after a gap, streams are announced anew', async () => {
  const log = memoryLog({ clock, maxEntries: 2 });
  const here = start(log);
  const first = await join(here);
  const { position } = await here.run(here.hub.thread('t').send(0));
  here.hub.thread('t').stream({ id: 's' });
  for (let i = 0; i < 5; i++) await here.run(here.hub.thread('t').send(i));
  const link = await join(here, { from: position });
  expect(framesOf(link, 'gap').length).toBe(1);
  expect([toks(link), toks(first)]).toEqual([[['s', 0, '']], [['s', 0, '']]]);
});

it('a stream without text whose process is gone is lost to a client that knew it', async () => {
  const here = start(memoryLog({ clock }));
  const link = await join(here, { s: { gone: 0 } });
  await clock.advance(2_000);
  expect(toks(link)).toEqual([['gone', undefined, true]]);
});
