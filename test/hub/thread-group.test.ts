import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineThread } from '../../src/define/index.ts';
import { memoryLog, type DeliveryLog, type HubOptions } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';

let clock: VirtualClock;
let nodes: Harness[];

beforeEach(() => {
  clock = new VirtualClock();
  nodes = [];
});

afterEach(async () => {
  for (const node of nodes) {
    expect(node.errors).toEqual([]);
    await node.close();
  }
  expect(clock.pending).toBe(0);
});

function start(options: HubOptions = {}): Harness {
  const harness = makeHarness({ clock, log: memoryLog({ clock }), ...options });
  nodes.push(harness);
  return harness;
}

/** A client in these threads. */
async function join({ hub, run }: Harness, ...threadIds: string[]): Promise<FakeLink> {
  const link = new FakeLink();
  const connection = hub.accept(link.attach, { userId: 'ada' });
  await run(Promise.all(threadIds.map((id) => connection.join(id))));
  return link;
}

it('appends to each thread under one id, serialized once, and says so to clients', async () => {
  const { hub, run, ...node } = start();
  const link = await join({ hub, run, ...node }, 'a', 'b');
  let reads = 0;
  const message = {
    get text() {
      reads++;
      return 'hi'.repeat(10_000);
    },
  };
  const receipts = await run(hub.to(['a', 'b', 'c', 'b']).send(message));
  expect(reads).toBeLessThanOrEqual(2);
  const id = receipts[0]?.id ?? '';
  expect(receipts).toMatchObject([
    { id, isDuplicate: false, recipients: 1, strategy: 'sliced', position: expect.stringContaining(`.1.${id}`) },
    { id, recipients: 1 },
    { id, recipients: 0 },
  ]);
  expect(framesOf(link, 'msg')).toMatchObject([
    { th: 'a', o: 1, id, many: true },
    { th: 'b', o: 1, id, many: true },
  ]);
  expect((await run(hub.thread('c').history())).messages).toMatchObject([{ id, data: { text: 'hi'.repeat(10_000) } }]);
  await run(hub.thread('a').send('other'));
  expect(framesOf(link, 'msg').at(-1)).not.toHaveProperty('many');
  expect([...((await receipts[0]?.settled())?.outcomes.values() ?? [])]).toEqual(['written']);
});

it('a second send with the same key adds nothing, and reaches the threads that it had not reached', async () => {
  const { hub, run } = start();
  await run(hub.to(['a']).send(1, { idempotencyKey: 'k' }));
  const receipts = await run(hub.to(['a', 'b']).send(1, { idempotencyKey: 'k' }));
  expect(receipts.map(({ id, isDuplicate }) => [id, isDuplicate])).toEqual([
    ['k', true],
    ['k', false],
  ]);
});

it('a thread that fails does not keep it from the others', async () => {
  const log = new SharedLog(memoryLog({ clock })).node();
  const failing: DeliveryLog = {
    ...log,
    append: (draft) => (draft.threadId === 'b' ? Promise.reject(new Error('no place')) : log.append(draft)),
  };
  const { hub, run } = start({ log: failing });
  await expect(run(hub.to(['a', 'b', 'c']).send(1))).rejects.toThrow('no place');
  for (const id of ['a', 'c']) expect((await run(hub.thread(id).history())).messages).toHaveLength(1);
});

it('a thousand threads get it, a few at a time', async () => {
  const log = new SharedLog(memoryLog({ clock })).node();
  let [running, most] = [0, 0];
  const slow: DeliveryLog = {
    ...log,
    async append(draft) {
      most = Math.max(most, ++running);
      await new Promise((resolve) => clock.nextTurn(() => resolve(undefined)));
      running--;
      return log.append(draft);
    },
  };
  const { hub, run } = start({ log: slow });
  const ids = Array.from({ length: 1_000 }, (_, i) => `t${i}`);
  const receipts = await run(hub.to(ids).send({ text: 'all' }));
  expect(receipts).toHaveLength(1_000);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(64);
});

it('the other node’s clients get it as one, also a volatile one', async () => {
  const log = new SharedLog(memoryLog({ clock }));
  const [here, there] = [start({ log: log.node() }), start({ log: log.node() })];
  const link = await join(there, 'a', 'b');
  const [logged] = await here.run(here.hub.to(['a', 'b']).send(1));
  const [volatile] = await here.run(here.hub.to(['a', 'b']).send(2, { lane: 'volatile' }));
  await clock.settle();
  expect(framesOf(link, 'msg')).toMatchObject([
    { th: 'a', id: logged?.id, many: true },
    { th: 'b', id: logged?.id, many: true },
    { th: 'a', id: volatile?.id, many: true },
    { th: 'b', id: volatile?.id, many: true },
  ]);
});

it('an edit keeps it the same message in the place of the first version', async () => {
  const { hub, run, ...node } = start();
  await run(hub.to(['a', 'b']).send('first', { idempotencyKey: 'k' }));
  await run(hub.thread('a').send('second', { replaces: 'k' }));
  const link = new FakeLink();
  await run(hub.accept(link.attach).join('a', { from: 'start' }));
  await node.clock.settle();
  expect(framesOf(link, 'msg')).toMatchObject([{ id: 'k', d: 'second', many: true }]);
});

it('junk is refused, and nothing is sent', async () => {
  const room = defineThread('room:*', { message: z.object({ text: z.string() }) });
  const { hub, run } = start({ threads: [room], development: true });
  // @ts-expect-error a text is no list of ids
  expect(() => hub.to('a')).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
  for (const ids of [['a', ''], ['~user:ada'], ['a', 'x'.repeat(257)]])
    expect(() => hub.to(ids)).toThrow(expect.objectContaining({ code: 'TC_INVALID_THREAD_ID' }));
  for (const options of [{ replaces: 'k' }, { idempotencyKey: 'no spaces' }, { unknown: 1 }])
    await expect(run(hub.to(['a']).send(1, options))).rejects.toMatchObject({ code: 'TC_INVALID_OPTION' });
  await expect(run(hub.to(['a', room('1')]).send({ text: 1 }))).rejects.toMatchObject({ code: 'TC_INVALID_MESSAGE' });
  await expect(run(hub.to(['a']).send(undefined))).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
  expect(await run(hub.to([]).send(1))).toEqual([]);
  expect((await run(hub.thread('a').history())).messages).toEqual([]);
  await nodes[0]?.close();
  await expect(hub.to(['a']).send(1)).rejects.toMatchObject({ code: 'TC_HUB_CLOSED' });
});
