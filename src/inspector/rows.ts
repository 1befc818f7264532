import type { PoolMember } from './pools.ts';
import type { ConnectionRow, ListQuery, ListSight, PoolRow, Row, ThreadRow } from './protocol.ts';
import { keyOf, type Findings } from './survey.ts';
import type { IsOurs } from './meters.ts';
import type { Connection } from '../api/connection.ts';
import type { Thread } from '../api/thread.ts';

/** The rows in view, as they are now. */
export function listSight(query: ListQuery, found: Findings, isOurs: IsOurs): ListSight {
  const { kind, from, count } = query;
  const items = found.lists.get(keyOf(query)) ?? [];
  const rows = items.slice(from, from + count).map((item) => rowOf(item, isOurs));
  return {
    kind,
    total: found[kind],
    matching: items.length,
    from,
    rows,
  };
}

function rowOf(item: Connection | Thread | PoolMember, isOurs: IsOurs): Row {
  if ('connection' in item) return poolRow(item);
  return 'userId' in item ? connectionRow(item, isOurs) : threadRow(item);
}

export function connectionRow({ id, userId, stats }: Connection, isOurs: IsOurs): ConnectionRow {
  const { path, ageMs, lag, unsentBytes, trips, roundTripMs } = stats;
  const isRoundTripOurs = isOurs(stats);
  return { kind: 'connections', id, userId, state: path, ageMs, lag, unsentBytes, trips, roundTripMs, isRoundTripOurs };
}

export function threadRow({ id, stats }: Thread): ThreadRow {
  const { state, members, behind, lag, values, head } = stats;
  return { kind: 'threads', id, state, members, behind, lag, values, messages: head };
}

export function poolRow({ id, connection }: PoolMember): PoolRow {
  const { path, url, place, failures, threads } = connection;
  return { kind: 'pools', id, state: path, url, place, failures, threads };
}
