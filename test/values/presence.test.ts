import { expect, onTestFinished, test } from 'vitest';
import { presence, receipts } from '../../src/presence/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { values } from '../../src/values/index.ts';

/** A thread's values as a client has them, fed by the test. */
function start({ graceMs = 5_000, isRefusing = false } = {}) {
  const clock = new VirtualClock();
  const sent: unknown[] = [];
  const view = values(
    {
      settings: { newId: () => `id-${sent.length}` },
      report: (error) => expect.unreachable(String(error)),
      request: async (_thread, _id, text) => {
        sent.push(JSON.parse(text));
        if (isRefusing) throw new Error('refused');
      },
    },
    't',
  );
  const here = presence<number>({ values: view }, { graceMs, clock });
  onTestFinished(() => here.close());
  const counts: number[] = [];
  here.on('change', ({ count }) => counts.push(count));
  const come = (...users: readonly number[]): void =>
    view.take(
      users.map((user) => [`~present:u${user}`, user]),
      false,
    );
  const go = (...users: readonly number[]): void =>
    view.take(
      users.map((user) => [`~present:u${user}`]),
      false,
    );
  return { clock, view, here, counts, come, go, sent };
}

const usersTo = (most: number): readonly number[] => Array.from({ length: most }, (_, user) => user + 1);

test('up to a hundred users are listed, each change at once; above, their count changes once a second', async () => {
  const { clock, here, counts, come } = start();
  come(...usersTo(99));
  come(100);
  expect(counts.at(-1)).toBe(100);
  expect(here.users?.get('u7')).toBe(7);
  counts.length = 0;
  for (const user of usersTo(5_000).slice(100)) come(user);
  expect(counts).toEqual([]);
  expect(here.users).toBeUndefined();
  await clock.advance(999);
  expect(counts).toEqual([]);
  await clock.advance(1);
  expect(counts).toEqual([5_000]);
  come(5_001);
  come(5_002);
  await clock.advance(1_000);
  expect(counts).toEqual([5_000, 5_002]);
  await clock.advance(60_000);
  expect(counts).toEqual([5_000, 5_002]);
});

test('back to a hundred users, they are listed again', async () => {
  const { clock, here, counts, come, go } = start();
  come(...usersTo(102));
  go(101, 102);
  await clock.advance(5_000);
  expect(here.users?.size).toBe(100);
  expect(counts.at(-1)).toBe(100);
  expect(here.count).toBe(100);
});

test('a user who comes back within the grace time was never gone, one who comes back later was', async () => {
  const { clock, here, counts, come, go } = start();
  come(1, 2);
  counts.length = 0;
  go(2);
  await clock.advance(4_999);
  come(2);
  await clock.advance(60_000);
  expect(counts).toEqual([]);
  go(2);
  await clock.advance(5_000);
  expect(counts).toEqual([1]);
  expect([...(here.users ?? [])]).toEqual([['u1', 1]]);
  come(2);
  expect(counts).toEqual([1, 2]);
});

test('closed, it has no timer and hears of nothing', async () => {
  const { clock, here, counts, come, go } = start();
  come(...usersTo(150));
  go(1);
  here.close();
  come(151);
  await clock.advance(60_000);
  expect(counts.filter((count) => count > 100)).toEqual([]);
});

test('a receipt does not go back, neither before the server has said it nor behind another client of the user', async () => {
  const { view, sent } = start();
  const read = receipts({ values: view });
  await read.read('ada', 'e.5.x');
  await read.read('ada', 'e.3.y');
  expect(sent).toMatchObject([{ key: '~read:ada', d: 'e.5.x' }]);
  view.take([['~read:ada', 'e.9.z']], false);
  await read.read('ada', 'e.7.x');
  expect(sent).toHaveLength(1);
  await read.read('ada', 'e.10.x');
  await read.read('ada', 'other.1.x');
  expect(sent).toMatchObject([{}, { d: 'e.10.x' }, { d: 'other.1.x' }]);
});

test('a receipt that was refused may be asked for again', async () => {
  const { view, sent } = start({ isRefusing: true });
  const read = receipts({ values: view });
  await expect(read.read('ada', 'e.5.x')).rejects.toThrow('refused');
  await expect(read.read('ada', 'e.5.x')).rejects.toThrow('refused');
  expect(sent).toHaveLength(2);
});
