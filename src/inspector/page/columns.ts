import type { ConnectionRow, ListKind, PoolRow, Row, Sort, ThreadRow } from '../protocol.ts';
import { bytes, count, duration, roundTrip } from './format.ts';

/** One column of the list. */
export interface Column {
  readonly name: string;
  /** What a click on its head sorts by; undefined for none. */
  readonly sort: Sort | undefined;
  readonly isNumber: boolean;
  readonly text: (row: Row) => string;
}

const ofConnection = (text: (row: ConnectionRow) => string) => (row: Row) =>
  row.kind === 'connections' ? text(row) : '';
const ofThread = (text: (row: ThreadRow) => string) => (row: Row) => (row.kind === 'threads' ? text(row) : '');
const ofPool = (text: (row: PoolRow) => string) => (row: Row) => (row.kind === 'pools' ? text(row) : '');

export const COLUMNS: Readonly<Record<ListKind, readonly Column[]>> = {
  connections: [
    { name: 'State', sort: 'state', isNumber: false, text: ({ state }) => state },
    { name: 'User', sort: undefined, isNumber: false, text: ofConnection(({ userId }) => userId ?? '–') },
    { name: 'Connection', sort: undefined, isNumber: false, text: ({ id }) => id },
    { name: 'Age', sort: 'age', isNumber: true, text: ofConnection(({ ageMs }) => duration(ageMs)) },
    { name: 'Lag', sort: 'lag', isNumber: true, text: ofConnection(({ lag }) => count(lag)) },
    { name: 'Unsent', sort: 'unsent', isNumber: true, text: ofConnection(({ unsentBytes }) => bytes(unsentBytes)) },
    { name: 'Trips', sort: 'trips', isNumber: true, text: ofConnection(({ trips }) => count(trips)) },
    {
      name: 'Round trip',
      sort: 'roundTrip',
      isNumber: true,
      text: ofConnection(roundTrip),
    },
  ],
  threads: [
    { name: 'State', sort: 'state', isNumber: false, text: ({ state }) => state },
    { name: 'Thread', sort: undefined, isNumber: false, text: ({ id }) => id },
    { name: 'Members', sort: 'members', isNumber: true, text: ofThread(({ members }) => count(members)) },
    { name: 'Behind', sort: undefined, isNumber: true, text: ofThread(({ behind }) => count(behind)) },
    { name: 'Lag', sort: 'lag', isNumber: true, text: ofThread(({ lag }) => count(lag)) },
    { name: 'Messages', sort: 'messages', isNumber: true, text: ofThread(({ messages }) => count(messages)) },
  ],
  pools: [
    { name: 'State', sort: 'state', isNumber: false, text: ({ state }) => state },
    { name: 'Hub', sort: undefined, isNumber: false, text: ofPool(({ url }) => url) },
    { name: 'Connection', sort: undefined, isNumber: false, text: ({ id }) => id },
    { name: 'Place', sort: 'age', isNumber: true, text: ofPool(({ place }) => count(place)) },
    { name: 'Threads', sort: 'messages', isNumber: true, text: ofPool(({ threads }) => count(threads)) },
    { name: 'Failures', sort: 'failures', isNumber: true, text: ofPool(({ failures }) => count(failures)) },
  ],
};
