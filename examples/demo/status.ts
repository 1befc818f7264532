import type { Connection, Hub } from 'threadcast';
import type { Crowd } from './crowd/crowd.ts';
import type { LoopProbe } from './loop-probe.ts';
import type { Comparison } from './naive/comparison.ts';
import { threads } from './threads.ts';

/** What happened to a connection, as `demo.events` has it. */
interface ConnectionEvent {
  readonly at: string;
  readonly user: string;
  readonly from?: string;
  readonly to: string;
  readonly code?: number;
  readonly reason?: string;
}

/** What the page shows numbers of. */
export interface Watched {
  readonly hub: Hub;
  readonly probe: LoopProbe;
  readonly crowd: Crowd;
  readonly comparison: Comparison;
}

/**
 * Delivers the hub's own numbers through the hub, for the page: the numbers as volatile messages, because only the newest
 * counts, and what happens to connections as logged ones, because a page that comes late wants to know too.
 *
 * @returns the function that ends it
 */
export function publishStatus({ hub, probe, crowd, comparison }: Watched, everyMs = 250): () => void {
  let seq = 0;
  const publish = (): void => {
    const { connectionsEvicted } = hub.stats();
    send(hub, threads.status, {
      seq: ++seq,
      stats: hub.stats(),
      states: { ...hub.stats().connections, evicted: connectionsEvicted },
      longestBlock: probe.longestBlock,
      phone: phoneOf(hub, crowd),
      // what the hub keeps for the client that it has most to keep for: bytes that are with the socket
      unsent: Math.max(0, ...connectionsOf(hub, crowd).map(({ stats }) => stats.unsentBytes)),
      naive: comparison.state,
    });
  };
  const timer = setInterval(publish, everyMs);
  const offs = [
    hub.on('connection', (connection) => {
      connection.on('state', ({ from, to }) => {
        const change = { from: stateOf(from), to: stateOf(to) };
        // an eviction has its own news, with the reason; steps within a state are no news here
        if (change.from !== change.to && change.to !== 'evicted') send(hub, threads.events, event(connection, change));
      });
    }),
    hub.on('evicted', ({ connection, code, reason }) => {
      send(hub, threads.events, event(connection, { to: 'evicted', code, reason }));
    }),
  ];
  return () => {
    clearInterval(timer);
    for (const off of offs) off();
  };
}

function event({ userId }: Connection, facts: Omit<ConnectionEvent, 'at' | 'user'>): ConnectionEvent {
  return { at: new Date().toISOString(), user: userId ?? 'guest', ...facts };
}

/** `retrying` of `retrying.backingOff`. */
function stateOf(path: string): string {
  return path.split('.', 1)[0] ?? path;
}

function send(hub: Hub, threadId: string, message: object): void {
  if (hub.state !== 'running') return;
  const lane = threadId === threads.status ? 'volatile' : 'normal';
  hub
    .thread(threadId)
    .send(message, { lane })
    .catch((error: unknown) => {
      // the hub may have begun to close meanwhile; anything else is a fault of the demo
      if (hub.state === 'running') console.error('demo: status was not sent:', error);
    });
}

/** The client that visitors may stall and drop. */
function phoneOf(hub: Hub, { phone, isPhoneStopped }: Crowd) {
  const connection = hub.user(phone.user).connections.at(-1);
  return {
    state: connection?.state ?? 'offline',
    isStopped: isPhoneStopped,
    lag: connection?.stats.lag ?? 0,
    received: phone.received.length,
    resumes: phone.resumes,
    gaps: phone.gaps,
  };
}

function connectionsOf(hub: Hub, { books }: Crowd): readonly Connection[] {
  return [...books.keys()].flatMap((user) => hub.user(user).connections);
}
