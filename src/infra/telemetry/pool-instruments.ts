import type { Instrument } from './instruments.ts';

/** What a pool of connections to hubs is read for. */
export interface PoolReadings {
  readonly connections: Readonly<Record<'connecting' | 'open' | 'retrying' | 'tripped', number>>;
  readonly threads: number;
  readonly waiting: number;
  readonly queued: number;
  readonly moves: number;
  readonly failures: number;
  readonly evictions: number;
}

/** The instruments of a pool. */
export const POOL_INSTRUMENTS: readonly Instrument<PoolReadings>[] = [
  {
    name: 'threadcast.pool.connections',
    kind: 'level',
    unit: '{connection}',
    description: 'Connections of pools to hubs by state',
    read: ({ connections }) => Object.entries(connections).map(([state, n]) => [{ 'threadcast.state': state }, n]),
  },
  {
    name: 'threadcast.pool.threads',
    kind: 'level',
    unit: '{thread}',
    description: 'Threads that pools have joined',
    read: ({ threads }) => threads,
  },
  {
    name: 'threadcast.pool.threads.waiting',
    kind: 'level',
    unit: '{thread}',
    description: 'Threads of pools that wait for a connection',
    read: ({ waiting }) => waiting,
  },
  {
    name: 'threadcast.pool.queued',
    kind: 'level',
    unit: '{message}',
    description: 'Messages published by pools that have no answer yet',
    read: ({ queued }) => queued,
  },
  {
    name: 'threadcast.pool.moves',
    kind: 'total',
    unit: '{move}',
    description: 'Times that a thread left a connection of a pool for another one',
    read: ({ moves }) => moves,
  },
  {
    name: 'threadcast.pool.failures',
    kind: 'total',
    unit: '{failure}',
    description: 'Attempts of pools that found no hub, and connections that were lost',
    read: ({ failures }) => failures,
  },
  {
    name: 'threadcast.pool.evictions',
    kind: 'total',
    unit: '{connection}',
    description: 'Connections of pools that were replaced, or not needed any more',
    read: ({ evictions }) => evictions,
  },
];
