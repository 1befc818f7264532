import { afterEach, expect, test } from 'vitest';
import { memoryLog, type Codec, type HubOptions } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';

let nodes: Harness[] = [];

afterEach(async () => {
  for (const node of nodes) await node.close();
  nodes = [];
});

const LOST = { code: 'TC_STREAM_LOST', threadId: 't', streamId: 's' };

/** Its end throws, or has no JSON. */
const broken = (end: Codec['end']): Codec => ({ name: 'broken', fold: () => undefined, sizeOf: () => 1, end });

const codecs: [string, Codec][] = [
  [
    'throws',
    broken(() => {
      throw new Error('no end');
    }),
  ],
  ['has no JSON', broken(() => 10n)],
];

function node(clock: VirtualClock, options: HubOptions = {}): Harness {
  const harness = makeHarness({ clock, streams: { timeoutMs: 1_000 }, ...options });
  nodes.push(harness);
  return harness;
}

async function join({ hub, clock }: Harness): Promise<FakeLink> {
  const link = new FakeLink();
  hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: 't', codecs: ['broken'] });
  await clock.settle();
  return link;
}

test.each(codecs)(
  'a silent stream whose end %s is lost: reported once, told to clients, given up',
  async (_, codec) => {
    const clock = new VirtualClock();
    const here = node(clock);
    const link = await join(here);
    const stream = here.hub.thread('t').stream({ id: 's', codec });
    void stream.write('chunk');
    await clock.advance(60_000);
    expect(here.errors).toMatchObject([LOST]);
    expect(stream.signal.aborted).toBe(true);
    expect(here.hub.stats().streams).toBe(0);
    expect(framesOf(link, 'tok')).toEqual([{ t: 'tok', th: 't', s: 's', lost: true }]);
    await expect(here.run(stream.end())).rejects.toBeInstanceOf(Error);
    expect(dataOf(link)).toEqual([]);
  },
);

test.each(codecs)('the same where another process is to mark it, its end %s', async (_, codec) => {
  const clock = new VirtualClock();
  const shared = new SharedLog(memoryLog({ clock }));
  const [here, there] = [node(clock, { log: shared.node() }), node(clock, { log: shared.node() })];
  there.hub
    .thread('t')
    .stream({ id: 'other', codec })
    .abort()
    .catch(() => {});
  const link = await join(there);
  void here.hub.thread('t').stream({ id: 's', codec }).write('chunk');
  await clock.advance(60_000);
  expect([here, there].map(({ hub }) => hub.stats().streams)).toEqual([0, 0]);
  // each of them gives up its copies, too
  for (const { errors } of [here, there]) {
    expect(errors).toHaveLength(2);
    expect(errors).toContainEqual(expect.objectContaining(LOST));
  }
  expect(framesOf(link, 'tok').filter(({ s }) => s === 's')).toMatchObject([{ lost: true }]);
});

test('a silent text that is larger than a message may be', async () => {
  const clock = new VirtualClock();
  const here = node(clock, { maxMessageBytes: 1_000 });
  const link = await join(here);
  here.hub.thread('t').stream({ id: 's' }).append('x'.repeat(2_000));
  await clock.advance(60_000);
  expect(here.errors).toMatchObject([{ ...LOST, length: 2_000, cause: { code: 'TC_MESSAGE_TOO_LARGE' } }]);
  expect(framesOf(link, 'tok').at(-1)).toMatchObject({ s: 's', lost: true });
  expect(here.hub.stats().streams).toBe(0);
});

test.each(codecs)('a drain marks the other streams, if the end of one %s', async (_, codec) => {
  const clock = new VirtualClock();
  const here = node(clock);
  const link = await join(here);
  void here.hub.thread('t').stream({ id: 's', codec }).write('chunk');
  here.hub.thread('t').stream({ id: 'text' }).append('text');
  const drained = here.hub.drain({ timeoutMs: 1_000 });
  await clock.advance(15_000);
  await drained;
  expect(dataOf(link)).toEqual([{ text: 'text', aborted: 'drain' }]);
  expect(here.errors).toMatchObject([LOST]);
});
