import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { inWorker } from '../../../src/infra/serialization/workers/recipe.ts';
import { recipe, testPool, textOf } from './fixtures/support.ts';

test('the worker calls the function and the bytes are its JSON', async () => {
  const pool = testPool();
  const encoded = await pool.run(recipe('default', { to: 'you' }));
  expect(textOf(encoded)).toBe('{"hello":{"to":"you"}}');
  expect(encoded.bytes).toBe(22);
  expect(encoded.body.isAlive).toBe(true);
});

test('awaits an async function', async () => {
  expect(textOf(await testPool().run(recipe('later', 1)))).toBe('{"later":1}');
});

test('a data: URL and a module in TypeScript are modules, too', async () => {
  const pool = testPool();
  const inline = await pool.run(inWorker('data:text/javascript,export default (x) => [x]', 7));
  expect(textOf(inline)).toBe('[7]');
  const typed = await pool.run(inWorker(new URL('./fixtures/typed-recipe.ts', import.meta.url), { month: 'May' }));
  expect(textOf(typed)).toBe('{"title":"Report for May"}');
});

test('arguments are structured clones', async () => {
  const args = { map: new Map(), date: new Date() };
  expect(textOf(await testPool().run(recipe('kindOf', args)))).toBe('{"map":true,"date":true}');
});

test('arguments are taken at the call, also when the recipe has to wait', async () => {
  const pool = testPool();
  const args = { n: 1 };
  const first = pool.run(recipe('default', args));
  const second = pool.run(recipe('default', args));
  args.n = 2;
  expect(textOf(await first)).toBe('{"hello":{"n":1}}');
  expect(textOf(await second)).toBe('{"hello":{"n":1}}');
});

test('text beyond ASCII is UTF-8, and a lone surrogate is escaped as JSON.stringify does', async () => {
  expect(textOf(await testPool().run(recipe('unicode')))).toBe(JSON.stringify('é€😀\ud800'));
});

test('the body is an exact buffer of its own, moved and not copied', async () => {
  const pool = testPool();
  const encoded = await pool.run(recipe('keepsItsBuffer'));
  expect(encoded.body.chunks).toHaveLength(1);
  expect(encoded.body.chunks[0]?.buffer.byteLength).toBe(encoded.bytes);
  expect(encoded.bytes).toBe(1_000_002);
  expect(textOf(await pool.run(recipe('lastBufferIsDetached')))).toBe('true');
});

test('times of the worker fit into the time of the call', async () => {
  const epoch = () => performance.timeOrigin + performance.now();
  const before = epoch();
  const encoded = await testPool().run(recipe('records', { megabytes: 1 }));
  const { startedAt, endedAt, buildMs, stringifyMs, queueWaitMs } = encoded;
  expect(startedAt).toBeGreaterThanOrEqual(before);
  expect(endedAt).toBeLessThanOrEqual(epoch());
  expect(buildMs).toBeGreaterThan(0);
  expect(stringifyMs).toBeGreaterThan(0);
  expect(buildMs + stringifyMs).toBeCloseTo(endedAt - startedAt, 3);
  expect(queueWaitMs).toBeGreaterThan(0);
  expect(queueWaitMs).toBeLessThanOrEqual(startedAt - before);
});

test('two recipes run at the same time in two threads', async () => {
  const pool = testPool({ workers: 2 });
  const meeting = recipe('rendezvous', { shared: new SharedArrayBuffer(4), parties: 2 });
  const threads = await Promise.all([pool.run(meeting), pool.run(meeting)]);
  expect(new Set(threads.map(textOf)).size).toBe(2);
});

test('10 MB cost this thread next to nothing', async () => {
  const pool = testPool();
  await pool.run(recipe('records', { megabytes: 1 }));
  const own: number[] = [];
  const costs: number[] = [];
  for (let i = 0; i < 3; i++) {
    const before = process.threadCpuUsage();
    const encoded = await pool.run(recipe('records', { megabytes: 10 }));
    costs.push(cpuMsSince(before));
    expect(encoded.bytes).toBeGreaterThan(10_000_000);
    const text = textOf(encoded);
    const beforeOwn = process.threadCpuUsage();
    expect(JSON.stringify(JSON.parse(text)).length).toBe(encoded.bytes);
    own.push(cpuMsSince(beforeOwn));
  }
  // against what it costs to do it here, on the same machine; of one of them at least: what collects garbage meanwhile is not theirs
  expect(Math.min(...costs)).toBeLessThan(Math.min(...own) / 5);
});

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

test('there are at most four workers, and none more than there are cores', async () => {
  const pool = testPool({ workers: undefined });
  const expected = Math.min(4, availableParallelism());
  const meeting = recipe('rendezvous', { shared: new SharedArrayBuffer(4), parties: expected });
  await Promise.all(Array.from({ length: expected }, () => pool.run(meeting)));
  await Promise.all(Array.from({ length: 10 }, () => pool.run(recipe('default'))));
  expect(pool.stats.threads).toBe(expected);
});
