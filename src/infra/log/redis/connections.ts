import { createClient, createCluster, ErrorReply, RESP_TYPES } from 'redis';
import type { RedisClientOptions, RedisClusterOptions } from 'redis';
import { asError } from '../../errors.ts';
import { ChannelsTogether, type Channel } from './channels-together.ts';
import { slotOf } from './slots.ts';

/** One set of connections to Redis. When one of them ends, or is given up, all end, and a new set is opened. */
export interface RedisConnection {
  /** A channel of a Redis cluster is on one shard. */
  readonly publishCommand: 'PUBLISH' | 'SPUBLISH';
  /** What an unanswered command means: of several shards, one may be silent. */
  readonly extent: Extent;
  /** The shard of a key; its answers come in the order of the commands. */
  shardOf(key: string): string;
  /** A function for each shard that sends it a command, whatever the key. */
  everyShard(): readonly ((args: readonly string[]) => Promise<unknown>)[];
  /** @param key decides the shard */
  call(key: string, args: readonly (string | Buffer)[]): Promise<unknown>;
  /** @param onLost Redis has ended the subscription, because the channel has moved to another shard */
  subscribe(channel: string, listener: (message: Buffer) => void, onLost: () => void): Promise<void>;
  /** Subscribes many channels with one command. Absent in a cluster. */
  subscribeAll?(channels: readonly Channel[]): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Ends the connections at once; commands in flight may stay unanswered. */
  destroy(): void;
}

/**
 * Opens connections. `onTrouble` may be called more than once. `ended` is the end of all of them. `partial` is the end of some; the others
 * may be used until a new set is open.
 */
export type Connector = (onTrouble: OnTrouble, signal: AbortSignal) => Promise<RedisConnection>;
export type OnTrouble = (error: Error, extent: Extent) => void;
export type Extent = 'ended' | 'partial';

/** `client` is passed to `createClient`, `cluster` to `createCluster`. The log does the reconnecting itself. */
export interface RedisTarget {
  readonly client: RedisClientOptions;
  readonly cluster: RedisClusterOptions | undefined;
}

export function connector({ client, cluster }: RedisTarget): Connector {
  return cluster === undefined ? single(client) : sharded(cluster);
}

/** Redis's own errors that pass: it is loading, failing over, full, or busy with a script. */
const PASSING = /^(LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY|OOM|MISCONF|NOREPLICAS|MOVED|ASK|UNBLOCKED)\b/;
/** Of these, the errors that other connections may help against. */
const ELSEWHERE = /^(READONLY|MASTERDOWN|MOVED|CLUSTERDOWN)\b/;

/** Redis itself refused, and will refuse again; every other error is trouble on the way, or passes. */
export const isFinalReply = (error: unknown): boolean => error instanceof ErrorReply && !PASSING.test(error.message);

/** Redis itself refused, and another node may not. */
export const isElsewhere = (error: unknown): boolean => error instanceof ErrorReply && ELSEWHERE.test(error.message);

const commandOptions = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

interface Ending {
  destroy(): unknown;
}

/** Ends a client. Ending an ended client is an error there, and none here. A client that is still connecting ends once connected. */
function end(client: Ending | Promise<Ending> | undefined): void {
  if (client instanceof Promise) {
    client.then(end, () => {});
    return;
  }
  try {
    client?.destroy();
  } catch {
    // it has already ended
  }
}

/** Two connections, because a subscribed one accepts no other commands. */
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
    const listeners = new Map<string, (message: Buffer) => void>();
    const onMessage = (message: Buffer, channel: Buffer): void => listeners.get(channel.toString())?.(message);
    const subscribing = new ChannelsTogether(async (channels) => news.subscribe(channels, onMessage, true));
    const leaving = new ChannelsTogether(async (channels) => news.unsubscribe(channels));
    return {
      publishCommand: 'PUBLISH',
      extent: 'ended',
      shardOf: () => '',
      everyShard: () => [(args) => commands.sendCommand(args)],
      call: (_key, args) => commands.sendCommand(args, commandOptions),
      subscribe: (channel, listener) => {
        listeners.set(channel, listener);
        return subscribing.add(channel);
      },
      subscribeAll: async (channels) => {
        for (const { name, listener } of channels) listeners.set(name, listener);
        // without a name, the command is an error
        if (channels.length > 0)
          await news.subscribe(
            channels.map(({ name }) => name),
            onMessage,
            true,
          );
      },
      unsubscribe: (channel) => {
        listeners.delete(channel);
        return leaving.add(channel);
      },
      destroy,
    };
  };
}

/** Two connections for each needed master; a master that is down must not keep us from the others. */
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
    // the package (5.9) removes the listeners of a moved channel, notifies its client, and does nothing more
    const watch = (): void => {
      for (const { pubSub } of cluster.masters) {
        if (pubSub === undefined || watched.has(pubSub.client)) continue;
        watched.add(pubSub.client);
        pubSub.client.on('sharded-channel-moved', (channel: string) => lost.get(channel)?.());
      }
    };
    // if the answer is not from Redis, the slot map may be outdated; only new connections ask for it again
    const orTrouble = async <T>(work: Promise<T>): Promise<T> => {
      try {
        return await work;
      } catch (error) {
        if (!(error instanceof ErrorReply)) onTrouble(asError(error), 'partial');
        throw error;
      }
    };
    const destroy = (): void => {
      // one by one: the cluster's own method stops at the first client that has already ended
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
        // the cluster's own method closes the connection with its last channel, which looks like a node that has gone
        for (const { pubSub } of cluster.masters)
          if (pubSub?.client.getPubSubListeners('SHARDED').has(channel) === true)
            await pubSub.client.sUnsubscribe(channel);
      },
      destroy,
    };
  };
}
