import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createHub, preencoded, type Hub } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { LogBuffer } from '../../src/infra/log/log-buffer.ts';
import { ownBytes, SharedBody } from '../../src/infra/log/shared-body.ts';

const THREADS = 40;

/** Takes everything and keeps nothing. */
class Sink extends FakeLink {
  override write(): void {}
}

interface Case {
  readonly name: string;
  readonly count: number;
  readonly members: readonly ('json' | 'plain')[];
  readonly message: (i: number) => unknown;
}

const page = Buffer.alloc(256 * 1024, '1');

const cases: readonly Case[] = [
  { name: 'tiny, nobody there', count: 20_000, members: [], message: (i) => ({ i }) },
  { name: 'tiny', count: 20_000, members: ['json'], message: (i) => ({ i }) },
  { name: 'tiny, in two formats', count: 20_000, members: ['json', 'plain'], message: (i) => ({ i }) },
  { name: 'of 1 KB', count: 10_000, members: ['json'], message: () => randomBytes(512).toString('hex') },
  { name: 'of 1 KB, two formats', count: 10_000, members: ['json', 'plain'], message: () => randomBytes(512).toString('hex') },
  { name: 'of 40 KB, sliced', count: 1_000, members: ['json'], message: () => Array.from({ length: 40 }, () => randomBytes(512).toString('hex')) },
  { name: 'of 100 KB', count: 500, members: ['json'], message: () => Array.from({ length: 100 }, () => randomBytes(512).toString('hex')) },
  { name: 'of 300 KB', count: 200, members: ['json'], message: () => Array.from({ length: 300 }, () => randomBytes(512).toString('hex')) },
  { name: 'small bytes out of a big buffer', count: 20_000, members: ['json'], message: (i) => preencoded(Buffer.from(page).subarray(i, i + 20)) },
]; // prettier-ignore

/** After the dead have been buried; buffers of a burst leave with the second collection. */
async function memory(): Promise<{ held: number; rss: number }> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await turn();
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { held: heapUsed + arrayBuffers, rss };
}

async function fill(hub: Hub, { count, message }: Case): Promise<void> {
  for (let i = 0; i < count; i++) {
    await hub.thread(`t${i % THREADS}`).send(message(i));
    // what else a process does with Node's buffer pool: a slice of it in the log would pin all of this
    for (let k = 0; k < 10; k++) Buffer.from('x'.repeat(500));
  }
}

it.each(cases)('what a log counts is what it holds: messages $name', async (each) => {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc (see vitest.config.ts)');
  const hub = createHub();
  for (const format of each.members) {
    const connection = hub.accept(new Sink().attach, { format });
    for (let i = 0; i < THREADS; i++) await connection.join(`t${i}`);
  }
  // the code, the threads, and the first segments
  await fill(hub, { ...each, count: 5 * THREADS });
  const [before, countedBefore] = [await memory(), hub.stats().logBytes];
  await fill(hub, each);
  const [after, counted] = [await memory(), hub.stats().logBytes - countedBefore];
  const ratio = (after.held - before.held) / counted;
  expect(hub.stats().logBytes).toBeGreaterThan(countedBefore);
  expect.soft(ratio, 'heap and buffers by what is counted').toBeLessThan(1.4);
  expect.soft(ratio).toBeGreaterThan(0.4);
  // young generation, fragments and what the allocator keeps are not the log's
  expect.soft((after.rss - before.rss - 64e6) / counted, 'RSS by what is counted').toBeLessThan(3);
  await hub.close();
});

it('a thread costs about what is counted for it, and asking about one that is not there nothing', async () => {
  const hub = createHub();
  const ask = async (round: number): Promise<void> => {
    for (let i = 0; i < 20_000; i++) {
      const thread = hub.thread(`unknown-${round}-${i}`);
      await thread.position();
      await thread.history();
    }
  };
  await ask(0);
  const before = await memory();
  await ask(1);
  expect(((await memory()).held - before.held) / 20_000).toBeLessThan(20);
  expect(hub.stats()).toMatchObject({ threads: 0, logBytes: 0 });
  await hub.close();
});

it('the first message of each of many threads takes few objects: the collector copies them twice while they are young', async () => {
  const THREADS_OF_A_NODE = 20_000;
  const retention = { maxEntries: 1_000, maxBytes: 1e9, maxAgeMs: 1e9 };
  const buffers = Array.from({ length: THREADS_OF_A_NODE }, () => new LogBuffer('e', retention, 0));
  globalThis.gc?.();
  await memory();
  const before = process.memoryUsage().heapUsed;
  for (const [i, buffer] of buffers.entries()) {
    const body = new SharedBody([ownBytes(`{"i":${i}}`)]);
    const entry = buffer.append({ threadId: 't', id: `m${i}`, lane: 'normal', body, expiresAt: Infinity }, 0.5);
    entry.frame('json');
    entry.rest?.();
  }
  await memory();
  // it was 860
  expect((process.memoryUsage().heapUsed - before) / buffers.length).toBeLessThan(700);
});
