import type { Hub } from '../api/hub.ts';
import { connectionMachine, poolConnectionMachine, threadMachine } from '../machines/index.ts';
import { graphOf } from './graph.ts';
import type { IsOurs } from './meters.ts';
import type { InspectedPoolConnection, PoolMember, Pools } from './pools.ts';
import type { ListQuery, Sort } from './protocol.ts';
import { Ranking } from './ranking.ts';
import { inSlices } from './slices.ts';
import type { Connection, ConnectionStats } from '../api/connection.ts';
import type { Thread, ThreadStats } from '../api/thread.ts';
import type { Clock } from '../api/clock.ts';

/** Which rows are requested, and in which order; not which of them are visible. */
export type ViewQuery = Omit<ListQuery, 'from' | 'count'>;

/** Two queries with the same key have the same rows. */
export function keyOf({ kind, search, state, sort, isDescending }: ViewQuery): string {
  return JSON.stringify([kind, search, state, sort, isDescending]);
}

/** The result of one look at every connection and thread. */
export interface Findings {
  /** How long finding it held the event loop, all slices together. */
  readonly busyMs: number;
  /** How many are in each state, by its path. */
  readonly connectionStates: Readonly<Record<string, number>>;
  readonly threadStates: Readonly<Record<string, number>>;
  readonly poolStates: Readonly<Record<string, number>>;
  readonly connections: number;
  readonly threads: number;
  /** Connections of pools. */
  readonly pools: number;
  /** Of all connections that have answered a ping while our own loop was not late, ascending. */
  readonly roundTripsMs: Float64Array;
  /** The matches of each query, in its order, by `keyOf`. */
  readonly lists: ReadonlyMap<string, readonly (Connection | Thread | PoolMember)[]>;
}

const ranks = new Map(
  [connectionMachine, threadMachine, poolConnectionMachine].flatMap((machine) =>
    graphOf(machine).states.map(({ path }, i) => [path, i]),
  ),
);

/** Looks at everything once, in slices, for all queries together. */
export async function survey(
  hub: Hub,
  pools: Pools,
  queries: readonly ViewQuery[],
  clock: Clock,
  isOurs: IsOurs,
): Promise<Findings> {
  const connectionStates = new Map<string, number>();
  const threadStates = new Map<string, number>();
  const poolStates = new Map<string, number>();
  const roundTrips: number[] = [];
  // several pages with the same query share one
  const different = [...new Map(queries.map((query) => [keyOf(query), query])).values()];
  const connectionViews = different.filter(({ kind }) => kind === 'connections').map(viewOf<Connection>);
  const threadViews = different.filter(({ kind }) => kind === 'threads').map(viewOf<Thread>);
  const poolViews = different.filter(({ kind }) => kind === 'pools').map(viewOf<PoolMember>);

  let busyMs = await inSlices(clock, hub.connections, (connection) => {
    const { stats } = connection;
    // it has ended since the survey began
    if (stats.path === 'evicted') return;
    count(connectionStates, stats.path);
    if (stats.roundTripMs !== undefined && !isOurs(stats)) roundTrips.push(stats.roundTripMs);
    for (const view of connectionViews) {
      if (view.isWanted(stats.path, connection.id, connection.userId)) {
        view.ranking.add(connection, connectionValues[view.sort]?.(stats) ?? 0);
      }
    }
  });
  busyMs += await inSlices(clock, hub.threads, (thread) => {
    const { stats } = thread;
    if (stats.state === 'closed') return;
    count(threadStates, stats.state);
    for (const view of threadViews) {
      if (view.isWanted(stats.state, thread.id, undefined))
        view.ranking.add(thread, threadValues[view.sort]?.(stats) ?? 0);
    }
  });
  busyMs += await inSlices(clock, pools.members(), (member) => {
    const { path, url } = member.connection;
    count(poolStates, path);
    for (const view of poolViews) {
      if (view.isWanted(path, member.id, url))
        view.ranking.add(member, poolValues[view.sort]?.(member.connection) ?? 0);
    }
  });
  const lists = new Map<string, readonly (Connection | Thread | PoolMember)[]>();
  busyMs += await inSlices(
    clock,
    [...connectionViews, ...threadViews, ...poolViews],
    (view) => lists.set(view.key, view.ranking.sorted()),
    1,
  );
  return {
    busyMs,
    connectionStates: Object.fromEntries(connectionStates),
    threadStates: Object.fromEntries(threadStates),
    poolStates: Object.fromEntries(poolStates),
    connections: sum(connectionStates),
    threads: sum(threadStates),
    pools: sum(poolStates),
    roundTripsMs: Float64Array.from(roundTrips).sort(),
    lists,
  };
}

interface View<T> {
  readonly key: string;
  readonly sort: Sort;
  readonly ranking: Ranking<T>;
  /** @param name another text that is searched: a user's id, a hub's address */
  isWanted(state: string, id: string, name: string | undefined): boolean;
}

function viewOf<T>(query: ViewQuery): View<T> {
  const text = query.search.toLowerCase();
  const contains = (value: string | undefined): boolean => value?.toLowerCase().includes(text) === true;
  return {
    key: keyOf(query),
    sort: query.sort,
    ranking: new Ranking(query.isDescending),
    isWanted(state, id, name) {
      if (query.state !== '' && state !== query.state && !state.startsWith(`${query.state}.`)) return false;
      return text === '' || contains(id) || contains(name);
    },
  };
}

/** The number that rows are ordered by; 0 for all, the order of arrival, if there is no such number. */
const connectionValues: Readonly<Partial<Record<Sort, (stats: ConnectionStats) => number>>> = {
  state: ({ path }) => ranks.get(path) ?? 0,
  age: ({ ageMs }) => ageMs,
  lag: ({ lag }) => lag,
  unsent: ({ unsentBytes }) => unsentBytes,
  trips: ({ trips }) => trips,
  roundTrip: ({ roundTripMs = 0 }) => roundTripMs * 1_000,
  messages: ({ messages }) => messages,
};

const threadValues: Readonly<Partial<Record<Sort, (stats: ThreadStats) => number>>> = {
  state: ({ state }) => ranks.get(state) ?? 0,
  lag: ({ lag }) => lag,
  members: ({ members }) => members,
  messages: ({ head }) => head,
};

const poolValues: Readonly<Partial<Record<Sort, (connection: InspectedPoolConnection) => number>>> = {
  state: ({ path }) => ranks.get(path) ?? 0,
  age: ({ place }) => place,
  failures: ({ failures }) => failures,
  messages: ({ threads }) => threads,
};

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, number) => total + number, 0);
}
