import { afterEach, expect, it } from 'vitest';
import { inspectorHandler, type InspectedPool } from '../../src/inspector/index.ts';
import { Pools } from '../../src/inspector/pools.ts';
import type { ListQuery, Look, Sight } from '../../src/inspector/protocol.ts';
import { Watch } from '../../src/inspector/watch.ts';
import { LISTS } from '../client/fake-network.ts';
import { fakePool } from '../pool/fake-pool.ts';
import { makeHarness } from '../support/harness.ts';

const harness = makeHarness();
const { hub, clock } = harness;
let watch: Watch;
let n = 0;

afterEach(() => watch.close());

function watchPools(...pools: readonly InspectedPool[]): void {
  watch = new Watch(hub, { hasActions: true, maxViewers: 2, clock, pools: new Pools(pools) });
}

const QUERY: ListQuery = { kind: 'pools', search: '', state: '', sort: 'age', isDescending: false, from: 0, count: 9 };

/** After the survey before is fresh no longer. */
async function look(query: Partial<ListQuery> = {}, selected?: Look['selected']): Promise<Sight> {
  await clock.advance(500);
  return watch.look({
    viewer: `viewer-${++n % 2}`,
    samplesAfter: 0,
    notesAfter: 0,
    list: { ...QUERY, ...query },
    selected,
  });
}

const idsOf = ({ list }: Sight) => list.rows.map(({ id }) => id);

it('shows the connections of a pool, their states, and which edges they took', async () => {
  const {
    pool,
    socket,
    clock: time,
  } = fakePool({
    urls: ['ws://one.test/ws?secret=1', 'ws://two.test/ws'],
    url: undefined,
    size: 2,
  });
  watchPools(pool);
  await look();
  socket(0).open(LISTS);
  socket(1).lose();
  await time.settle();
  pool.join('t');
  const { list, machines } = await look();
  expect(list).toMatchObject({
    kind: 'pools',
    total: 2,
    rows: [
      { id: 'pool-connection:1', state: 'open.fresh', url: 'ws://one.test/ws', place: 0, failures: 0, threads: 1 },
      { id: 'pool-connection:2', state: 'retrying', url: 'ws://two.test/ws', place: 1, failures: 1, threads: 0 },
    ],
  });
  const chart = machines.find(({ machine }) => machine === 'pool-connection');
  expect(chart?.states).toEqual({ 'open.fresh': 1, retrying: 1 });
  expect(chart?.edges).toMatchObject([{ count: 1 }, { count: 1 }]);
  expect(idsOf(await look({ search: 'TWO.TEST' }))).toEqual(['pool-connection:2']);
  expect(idsOf(await look({ state: 'open' }))).toEqual(['pool-connection:1']);
  expect(idsOf(await look({ sort: 'failures', isDescending: true }))[0]).toBe('pool-connection:2');
  const { selected } = await look({}, { kind: 'pools', id: 'pool-connection:2' });
  expect(selected).toMatchObject({ row: { state: 'retrying' }, history: [{ from: 'connecting', event: 'lost' }] });
  pool.close();
  const gone = await look({}, { kind: 'pools', id: 'pool-connection:2' });
  expect([gone.selected, gone.list.total]).toEqual([undefined, 0]);
});

it('tells the connections of several pools apart', async () => {
  const [one, two] = [fakePool({ size: 1 }), fakePool({ size: 1 })];
  watchPools(one.pool, two.pool);
  await look();
  two.socket(0).open(LISTS);
  await two.clock.settle();
  expect(idsOf(await look())).toEqual(['1/pool-connection:1', '2/pool-connection:1']);
  const history = async (id: string) => (await look({}, { kind: 'pools', id })).selected?.history.length;
  expect(await history('1/pool-connection:1')).toBe(0);
  expect(await history('2/pool-connection:1')).toBe(1);
});

it('listens to a pool only while a page watches', async () => {
  let listeners = 0;
  const pool: InspectedPool = {
    connections: [],
    on: () => {
      listeners++;
      return () => listeners--;
    },
  };
  watchPools(pool);
  expect(listeners).toBe(0);
  await look();
  expect(listeners).toBe(1);
  watch.close();
  expect(listeners).toBe(0);
});

it('has no chart of pools where there are none', async () => {
  watchPools();
  const { machines, list } = await look();
  expect(machines.map(({ machine }) => machine)).not.toContain('pool-connection');
  expect(list.total).toBe(0);
});

it.each([[{}], ['pool'], [[undefined]], [[{ on: () => {} }]]])('refuses %j as pools', (pools) => {
  const options: object = { token: 'a-token-of-some-length', pools };
  expect(() => inspectorHandler(hub, options)).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
});
