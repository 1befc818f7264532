import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type * as client from '../../src/client/index.ts';
import type * as server from '../../src/index.ts';
import type * as redis from '../../src/redis/index.ts';
import { hasHistory, packVersion, PREVIOUS, type PackedVersion } from '../support/packed-version.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';
import { nextOf, nextState, range, serveHub, take } from '../client/hub-server.ts';

// what of 0.1 was packed before: its modules have today's types, as far as they are used here
type Client = typeof client;
type Redis = typeof redis;
type Server = typeof server;

let packed: PackedVersion;

// a source tree without its history does not have it
const hasPrevious = await hasHistory(PREVIOUS.commit);

beforeAll(async () => {
  if (hasPrevious) packed = await packVersion(PREVIOUS.commit);
});
afterAll(async () => {
  if (hasPrevious) await packed.remove();
});

describe.runIf(hasPrevious)(`a client of ${PREVIOUS.version}`, () => {
  it('joins, resumes, publishes once and reads streams and large messages of this server', async () => {
    const { hub, url, sockets } = await serveHub({
      onPublish: async ({ threadId, data, id }) => {
        await hub.thread(threadId).send({ said: data }, { idempotencyKey: id });
      },
    });
    hub.on('error', (error) => expect.fail(String(error)));
    const { connect }: Client = await import(packed.entry('client/index.js'));
    const old = connect(url, { backoff: { minMs: 1, maxMs: 20 } });
    onTestFinished(() => old.close());
    const thread = old.join('t1', { from: 'start' });
    const gaps: unknown[] = [];
    thread.on('gap', (gap) => gaps.push(gap));
    const iterator = thread[Symbol.asyncIterator]();
    await nextOf(thread, 'joined');
    await hub.thread('t1').send('first');
    expect(await take(iterator, 1)).toEqual(['first']);
    // while it is away
    const lost = nextState(old);
    sockets.at(-1)?.destroy();
    for (const n of range(1, 20)) await hub.thread('t1').send(n);
    await lost;
    expect(await take(iterator, 20)).toEqual(range(1, 20));
    // what it publishes, also where the line breaks under it
    const published = old.publish('t1', 'hello');
    sockets.at(-1)?.destroy();
    await published;
    expect(await take(iterator, 1)).toEqual([{ said: 'hello' }]);
    const large = 'x'.repeat(3_000_000);
    await hub.thread('t1').send(large);
    expect(await take(iterator, 1)).toEqual([large]);
    // it knows no bytes: it gets their base64, whole and in parts
    for (const bytes of [Uint8Array.of(0, 255), new Uint8Array(600_001).fill(7)]) {
      await hub.thread('t1').send(bytes);
      expect(await take(iterator, 1)).toEqual([Buffer.from(bytes).toString('base64')]);
    }
    const stream = hub.thread('t1').stream({ id: 'answer' });
    stream.append('to');
    stream.append('ken');
    await stream.end();
    expect(await take(iterator, 1)).toEqual([{ text: 'token' }]);
    expect(gaps).toEqual([]);
    expect(thread.position).toBe(await hub.thread('t1').position());
  });

  it('is refused where it may not join, as ever', async () => {
    const { url } = await serveHub();
    const { connect }: Client = await import(packed.entry('client/index.js'));
    const old = connect(url);
    onTestFinished(() => old.close());
    const errors: unknown[] = [];
    old.join('secret').on('error', (error) => errors.push(error));
    await until(() => errors.length === 1);
    expect(errors).toHaveLength(1);
  });
});

describe.runIf(hasPrevious)(`a Redis that nodes of ${PREVIOUS.version} use`, () => {
  it('is refused by this version, while they run and when they are gone; a prefix of its own is not', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const redisServer = await startRedis();
    const { redisLog }: Redis = await import(packed.entry('redis/index.js'));
    const { createHub }: Server = await import(packed.entry('index.js'));
    const old = createHub({ log: redisLog({ url: redisServer.url }) });
    await old.thread('room').send('of 0.1');
    const refusal = { code: 'TC_LOG_LAYOUT', found: '1', expected: '2' };
    await expect(startLog({ url: redisServer.url }).position('room')).rejects.toMatchObject(refusal);
    // it goes on
    await old.thread('room').send('more of 0.1');
    await old.close();
    await expect(startLog({ url: redisServer.url }).position('room')).rejects.toMatchObject(refusal);
    await expect(startLog({ url: redisServer.url, prefix: 'tc2' }).position('room')).resolves.toMatchObject({
      offset: 0,
    });
    // as docs/scaling.md says
    const keys = await redisServer.run(['KEYS', 'tc:{*']);
    await redisServer.run(['UNLINK', ...(Array.isArray(keys) ? keys.map(String) : [])]);
    const nodes = await redisServer.run(['KEYS', 'tc:node:*']);
    for (const node of Array.isArray(nodes) ? nodes : []) await redisServer.run(['UNLINK', String(node)]);
    await expect(startLog({ url: redisServer.url }).position('room')).resolves.toMatchObject({ offset: 0 });
  });
});
