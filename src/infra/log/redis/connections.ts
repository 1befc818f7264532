import { createClient, createCluster, ErrorReply, RESP_TYPES } from 'redis';
import type { RedisClientOptions, RedisClusterOptions } from 'redis';
import { asError } from '../../errors.ts';
import { slotOf } from './slots.ts';

/** One life of the connections to Redis. When one of them ends, or is given up, all end, and another life begins. */
export interface RedisConnection {
  /** Redis's cluster has a channel on one shard. */
  readonly publishCommand: 'PUBLISH' | 'SPUBLISH';
  /** What it means that a command is not answered: of several shards, one may be silent. */
  readonly extent: Extent;
  /** What answers for a key; its answers come in the order of the commands. */
  shardOf(key: string): string;
  /** A way to ask each shard there is, whatever the key. */
  everyShard(): readonly ((args: readonly string[]) => Promise<unknown>)[];
  /** @param key decides the shard */
  call(key: string, args: readonly (string | Buffer)[]): Promise<unknown>;
  /** @param onLost Redis has ended the subscription, because the channel is on another shard now */
  subscribe(channel: string, listener: (message: Buffer) => void, onLost: () => void): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Ends it at once; what is in flight may stay unanswered. */
  destroy(): void;
}

/**
 * Makes connections. `onTrouble` may be called more than once: `ended` is the end of all of them; `partial`, of some, while the
 * others may be used until there is a new life.
 */
export type Connector = (onTrouble: OnTrouble, signal: AbortSignal) => Promise<RedisConnection>;
export type OnTrouble = (error: Error, extent: Extent) => void;
export type Extent = 'ended' | 'partial';

/** `client` goes to `createClient`, `cluster` to `createCluster`. How they come back is the log's own affair. */
export interface RedisTarget {
  readonly client: RedisClientOptions;
  readonly cluster: RedisClusterOptions | undefined;
}

export function connector({ client, cluster }: RedisTarget): Connector {
  return cluster === undefined ? single(client) : sharded(cluster);
}

/** Redis's own errors that pass: it is loading, failing over, full, or busy with a script. */
const PASSING = /^(LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY|OOM|MISCONF|NOREPLICAS|MOVED|ASK|UNBLOCKED)\b/;
/** Of these, the ones that other connections may help against. */
const ELSEWHERE = /^(READONLY|MASTERDOWN|MOVED|CLUSTERDOWN)\b/;

/** Redis itself said no, and will say it again; everything else is trouble on the way, or passes. */
export const isFinalReply = (error: unknown): boolean => error instanceof ErrorReply && !PASSING.test(error.message);

/** Redis itself said no, and another one may not. */
export const isElsewhere = (error: unknown): boolean => error instanceof ErrorReply && ELSEWHERE.test(error.message);

const commandOptions = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

interface Ending {
  destroy(): unknown;
}

/** Ending what has ended is an error there; it is none here. A connection that is still being made ends when it is. */
function end(client: Ending | Promise<Ending> | undefined): void {
  if (client instanceof Promise) {
    client.then(end, () => {});
    return;
  }
  try {
    client?.destroy();
  } catch {
    // it has
  }
}

/** Two connections: one that is subscribed takes no other commands. */
function single(options: RedisClientOptions): Connector {
  return async (onTrouble, signal) => {
    const make = () =>
      createClient({
        ...options,
        socket: { ...options.socket, reconnectStrategy: false },
        disableOfflineQueue: true,
        pingInterval: 0,
      })
        .on('error', (error: Error) => onTrouble(error, 'ended'))
        .on('end', () => onTrouble(new Error('connection to Redis has ended'), 'ended'));
    const [commands, news] = [make(), make()];
    const destroy = (): void => {
      for (const client of [commands, news]) end(client);
    };
    signal.addEventListener('abort', destroy);
    await Promise.all([commands.connect(), news.connect()]);
    return {
      publishCommand: 'PUBLISH',
      extent: 'ended',
      shardOf: () => '',
      everyShard: () => [(args) => commands.sendCommand(args)],
      call: (_key, args) => commands.sendCommand(args, commandOptions),
      subscribe: (channel, listener) => news.subscribe(channel, listener, true),
      unsubscribe: (channel) => news.unsubscribe(channel),
      destroy,
    };
  };
}

/** Two connections for each master that is needed; a master that is down must not keep us from the others. */
function sharded(options: RedisClusterOptions): Connector {
  return async (onTrouble, signal) => {
    const cluster = createCluster({
      ...options,
      minimizeConnections: true,
      defaults: {
        ...options.defaults,
        socket: { ...options.defaults?.socket, reconnectStrategy: false },
        disableOfflineQueue: true,
      },
    });
    cluster.on('error', () => {});
    for (const event of ['node-error', 'node-disconnect']) {
      cluster.on(event, (error: unknown) =>
        onTrouble(error instanceof Error ? error : new Error('a node of the Redis cluster has gone'), 'partial'),
      );
    }
    const lost = new Map<string, () => void>();
    const watched = new WeakSet();
    // the package (5.9) takes the listeners of a channel that has moved away, tells its client, and leaves it at that
    const watch = (): void => {
      for (const { pubSub } of cluster.masters) {
        if (pubSub === undefined || watched.has(pubSub.client)) continue;
        watched.add(pubSub.client);
        pubSub.client.on('sharded-channel-moved', (channel: string) => lost.get(channel)?.());
      }
    };
    // where it is not Redis that answers, the map of the slots may be at fault, which is asked for anew only by a new life
    const orTrouble = async <T>(work: Promise<T>): Promise<T> => {
      try {
        return await work;
      } catch (error) {
        if (!(error instanceof ErrorReply)) onTrouble(asError(error), 'partial');
        throw error;
      }
    };
    const destroy = (): void => {
      // one by one: the cluster's own way stops at the first that has ended already
      for (const { client, pubSub } of cluster.masters) for (const each of [client, pubSub?.client]) end(each);
      end(cluster);
    };
    signal.addEventListener('abort', destroy);
    await cluster.connect();
    return {
      publishCommand: 'SPUBLISH',
      extent: 'partial',
      shardOf: (key) => cluster.slots[slotOf(key)]?.master.address ?? '',
      everyShard: () =>
        cluster.masters.map((master) => async (args) => (await cluster.nodeClient(master)).sendCommand([...args])),
      call: (key, args) => orTrouble(cluster.sendCommand(key, false, [...args], commandOptions)),
      subscribe: async (channel, listener, onLost) => {
        lost.set(channel, onLost);
        await orTrouble(cluster.sSubscribe(channel, listener, true));
        watch();
      },
      unsubscribe: async (channel) => {
        lost.delete(channel);
        // the cluster's own way ends the connection with its last channel, which looks like a node that has gone
        for (const { pubSub } of cluster.masters)
          if (pubSub?.client.getPubSubListeners('SHARDED').has(channel) === true)
            await pubSub.client.sUnsubscribe(channel);
      },
      destroy,
    };
  };
}
