import { expect, it, onTestFinished } from 'vitest';
import type { DeliveryLog, LogValues } from '../../src/index.ts';
import { LogUnavailableError } from '../../src/index.ts';
import { resolveRedisLog } from '../../src/infra/log/redis/options.ts';
import { RetryUntil } from '../../src/infra/log/shared/retry-until.ts';
import { RedisValueStore } from '../../src/infra/log/redis/values.ts';
import type { Script } from '../../src/infra/log/redis/scripts.ts';
import { ValueChanges } from '../../src/infra/log/shared/value-changes.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { mulberry32 } from '../support/random.ts';
import { startLog, startRedis, until, untilInTime } from '../support/redis-nodes.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { seed, trials } from '../support/tier.ts';

const LIMITS = { maxKeys: 1_000, maxBytes: 65_536 };

const valuesOf = (log: DeliveryLog): LogValues => log.values ?? expect.fail('no values');

interface Watched extends ReadonlyMap<string, string> {
  /** Values that had gone, and came back. */
  readonly returned: string[];
}

async function watched(log: DeliveryLog, threadId = 't'): Promise<Watched> {
  const values = Object.assign(new Map<string, string>(), { returned: new Array<string>() });
  const gone = new Set<string>();
  const put = (key: string, json: string | undefined): void => {
    const former = values.get(key);
    if (former === json) return;
    if (former !== undefined) gone.add(`${key}=${former}`);
    if (json === undefined) values.delete(key);
    else values.set(key, json);
    if (gone.has(`${key}=${json}`)) values.returned.push(`${key}=${json}`);
  };
  await log.subscribe(threadId, () => {});
  valuesOf(log).watch(threadId, (changes, isWhole) => {
    const kept = new Set(changes.map(({ key }) => key));
    if (isWhole) for (const key of values.keys()) if (!kept.has(key)) put(key, undefined);
    for (const { key, json } of changes) put(key, json);
  });
  return values;
}

const textOf = (values: Iterable<readonly [string, string]>): string =>
  [...values]
    .map(([key, json]) => `${key}=${json}`)
    .toSorted()
    .join(' ');

const readOf = async (log: DeliveryLog): Promise<string> =>
  textOf((await valuesOf(log).read('t')).map(({ key, json }) => [key, json] as const));

/** What was done, and between which two moments. */
interface Done {
  readonly what: string;
  readonly from: number;
  to: number;
}

it(`converges while lines are cut anywhere, and no removed value comes back (seed ${seed})`, async () => {
  const server = await startRedis();
  const random = mulberry32(seed);
  const port = Number(new URL(server.url).port);
  for (let trial = 0; trial < trials(3).numRuns; trial++) {
    const line = () => startCuttingProxy(port, () => 15_000 + Math.floor(random() * 40_000));
    const proxies = [await line(), await line()] as const;
    const prefix = `trial${trial}`;
    const options = { prefix, timeoutMs: 30_000, commandTimeoutMs: 2_000 };
    const logOf = ({ port }: { readonly port: number }): DeliveryLog =>
      startLog({ ...options, url: `redis://127.0.0.1:${port}` });
    const [here, there] = [logOf(proxies[0]), logOf(proxies[1])];
    const logs = [here, there];
    const views = await Promise.all(logs.map((log) => watched(log)));
    let tick = 0;
    // by value: no two sets have the same
    const sets = new Map<string, Done & { readonly key: string; readonly owner: string | undefined }>();
    const ends: (Done & { readonly is: (key: string, owner: string | undefined) => boolean })[] = [];
    const act = async (n: number): Promise<void> => {
      const at = n % 2;
      const log = at === 0 ? here : there;
      const key = `k${Math.floor(random() * 6)}`;
      const owner = random() < 0.5 ? undefined : `c${at}-${Math.floor(n / 40)}`;
      const done = { what: `${n}`, from: tick++, to: Infinity };
      const kind = random();
      try {
        if (kind < 0.7) {
          sets.set(String(n), { ...done, key, owner });
          await valuesOf(log).set('t', { key, json: String(n), owner }, LIMITS);
          const own = sets.get(String(n));
          if (own !== undefined) own.to = tick++;
        } else if (kind < 0.95) {
          await valuesOf(log).delete('t', key);
          ends.push({ ...done, to: tick++, is: (other) => other === key });
        } else {
          // the next connection of that name is another one
          const ended = `c${at}-${Math.floor(n / 40)}`;
          ends.push({ ...done, to: tick++, is: (_, other) => other === ended });
          valuesOf(log).end('t', ended);
        }
      } catch (error) {
        // it may have been done, now or a little later: it says nothing
        if (!(error instanceof LogUnavailableError)) throw error;
      }
    };
    for (let n = 0; n < 400; n += 16) await Promise.all(Array.from({ length: 16 }, (_, i) => act(n + i)));
    // the last owners end, those before as well
    for (const [at, log] of logs.entries()) for (let i = 0; i < 10; i++) valuesOf(log).end('t', `c${at}-${i}`);
    for (const proxy of proxies) proxy.mend();
    await until(async () => {
      const stored = await readOf(here);
      return (
        stored === (await readOf(there)) &&
        views.every((view) => textOf(view) === stored) &&
        [...(await valuesOf(here).read('t'))].every(({ json }) => sets.get(json)?.owner === undefined)
      );
    });
    for (const { key, json } of await valuesOf(here).read('t')) {
      const set = sets.get(json);
      expect(set?.key).toBe(key);
      if (set === undefined) continue;
      const later = ends.filter(({ is, from }) => from > set.to && is(key, set.owner));
      expect(later, `${key}=${json} was removed`).toEqual([]);
      const newer = [...sets.values()].filter(
        (other) => other.key === key && other.from > set.to && other.to < Infinity,
      );
      expect(
        newer.filter(({ owner }) => owner === undefined),
        `${key}=${json} was replaced`,
      ).toEqual([]);
    }
    // each value is set once, so what has gone is gone
    expect(views.flatMap(({ returned }) => returned)).toEqual([]);
    expect(proxies.every(({ cuts }) => cuts > 0)).toBe(true);
    await Promise.all(logs.map(async (log) => log.close()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
});

it('makes a change once whose answer was lost', async () => {
  const server = await startRedis();
  const log = startLog({ url: server.url, prefix: 'p' });
  const settings = resolveRedisLog({ url: server.url, prefix: 'p' });
  let [calls, losses] = [0, 1];
  const session = {
    connection: undefined,
    isClosed: false,
    lastError: new Error('cut'),
    whenUp: async () => {},
    bulk: async <T>(_key: string, work: () => Promise<T>) => work(),
    run: async ({ text }: Script, keys: readonly string[], args: readonly (string | Buffer)[]) => {
      calls++;
      const answer = await server.run(['EVAL', text, String(keys.length), ...keys, ...args.map(String)]);
      if (losses-- <= 0) return answer;
      // meanwhile, another node removes the value
      await valuesOf(log).delete('t', 'a');
      throw new Error('cut');
    },
  };
  const store = new RedisValueStore(session, settings, new Map());
  const changes = new ValueChanges(store, settings.nodeId, new RetryUntil(session, settings, () => false));
  expect(await changes.set('t', { key: 'a', json: '1' }, LIMITS)).toBe('known');
  expect(calls).toBe(2);
  expect(await readOf(log)).toBe('');
  expect(await changes.set('t', { key: 'a', json: '2' }, LIMITS)).toBe('set');
  expect(await readOf(log)).toBe('a=2');
});

it('removes what a connection owns after its end, also if Redis was out of reach then', async () => {
  const server = await startRedis();
  const proxy = await startTcpProxy(Number(new URL(server.url).port));
  onTestFinished(() => proxy.close());
  const clock = new SteppedClock();
  const here = startLog({ url: `redis://127.0.0.1:${proxy.port}`, clock });
  const there = startLog({ url: server.url });
  const view = await watched(there);
  await valuesOf(here).set('t', { key: 'a', json: '1', owner: 'ada' }, LIMITS);
  await valuesOf(here).set('t', { key: 'b', json: '1' }, LIMITS);
  await until(() => textOf(view) === 'a=1 b=1');
  proxy.blackHole();
  valuesOf(here).end('t', 'ada');
  const setting = Promise.resolve(valuesOf(here).set('t', { key: 'c', json: '1' }, LIMITS));
  await expect(clock.advanceUntilSettled(setting)).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  proxy.restore();
  await untilInTime(clock, () => !view.has('a'));
  expect(view.get('b')).toBe('1');
});

it('hides what a node owns when that has closed its log', async () => {
  const server = await startRedis();
  const here = startLog({ url: server.url });
  const there = startLog({ url: server.url });
  const view = await watched(here);
  await valuesOf(there).set('t', { key: 'a', json: '1', owner: 'ada' }, LIMITS);
  await valuesOf(there).set('t', { key: 'b', json: '1' }, LIMITS);
  await until(() => textOf(view) === 'a=1 b=1');
  await there.close();
  await until(() => textOf(view) === 'b=1');
  expect(await readOf(here)).toBe('b=1');
});

it('makes room for new values with those of dead nodes', async () => {
  const server = await startRedis();
  const here = startLog({ url: server.url });
  const there = startLog({ url: server.url });
  const limits = { maxKeys: 2, maxBytes: 100 };
  await valuesOf(there).set('t', { key: 'a', json: '1', owner: 'ada' }, limits);
  await valuesOf(there).set('t', { key: 'b', json: '1' }, limits);
  await expect(valuesOf(here).set('t', { key: 'c', json: '1' }, limits)).rejects.toMatchObject({
    code: 'TC_VALUE_LIMIT',
  });
  await there.close();
  await until(async () => (await readOf(here)) === 'b=1');
  await valuesOf(here).set('t', { key: 'c', json: '1' }, limits);
  expect(await readOf(here)).toBe('b=1 c=1');
});

it('reads the values anew when Redis has lost them', async () => {
  const server = await startRedis();
  const here = startLog({ url: server.url });
  const view = await watched(here);
  await valuesOf(here).set('t', { key: 'a', json: '1' }, LIMITS);
  await until(() => textOf(view) === 'a=1');
  await server.run(['FLUSHALL']);
  await valuesOf(here).set('t', { key: 'b', json: '1' }, LIMITS);
  await until(() => textOf(view) === 'b=1');
  expect(await readOf(here)).toBe('b=1');
});
