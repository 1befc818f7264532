import { asError, LogLayoutError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import { BulkLane } from './bulk-lane.ts';
import { MESSAGES } from './batch-scripts.ts';
import { CallsInFlight } from './calls-in-flight.ts';
import { CallsTogether, type CallWeight } from './calls-together.ts';
import { ConnectionOpener, type OpenerSettings, type Trouble } from './connection-opener.ts';
import type { Channel } from './channels-together.ts';
import { isElsewhere, type Connector, type Extent, type OnTrouble, type RedisConnection } from './connections.ts';
import type { Script } from './scripts.ts';
import { Servers } from './servers.ts';
import type { TimerHandle } from '../../../api/clock.ts';

export interface SessionSettings extends OpenerSettings {
  /** Uniform in [0, 1), for the jitter. */
  readonly random: () => number;
}

export interface SessionListener {
  /** New connections: nothing is subscribed on them. */
  onUp(): void;
  /** The connections have ended, or some of them have: the others are used until there are new ones. */
  onDown(): void;
  /**
   * Called regularly, also while there are no connections.
   * @param isFair false when our own event loop was late: answers may be waiting to be read
   */
  onTick(isFair: boolean): void;
  /** Redis must not be used, and is not tried again. */
  onRefused?(error: Error): void;
}

const TICK_MS = 250;
/** UTF-16 units of a message up to which it shares a command with others. */
const SMALL_MESSAGE = 1_024;
const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 2_000;
/** Connections that lived for this long were good: the next wait is a short one again. */
const GOOD_LIFE_MS = 5_000;

/** Keeps connections to Redis open and gives up silent ones. No command is sent again automatically. */
export class RedisSession {
  readonly #opener: ConnectionOpener;
  readonly #settings: SessionSettings;
  readonly #listener: SessionListener;
  readonly #stop = new AbortController();
  readonly #calls: CallsInFlight;
  readonly #together = new CallsTogether((script, keys, args) => this.run(script, keys, args));
  readonly #loaded = new Set<string>();
  readonly #lanes = new Map<string, BulkLane>();
  #connection: RedisConnection | undefined;
  #servers: Servers | undefined;
  #giveUp: (error: Error) => void = () => {};
  #up = Promise.withResolvers<void>();
  #lastError = new Error('not connected yet');
  #timer: TimerHandle;
  #tickedAt = -Infinity;

  constructor(connect: Connector, settings: SessionSettings, listener: SessionListener) {
    this.#opener = new ConnectionOpener(connect, settings, this.#stop.signal, (error) => this.#refuse(error));
    this.#settings = settings;
    this.#listener = listener;
    this.#calls = new CallsInFlight(settings.clock);
    this.#timer = settings.clock.setTimeout(this.#tick, TICK_MS);
    // a rejection must not be unhandled if no caller waits
    this.#up.promise.catch(() => {});
    void this.#live();
  }

  get connection(): RedisConnection | undefined {
    return this.#connection;
  }

  /** Of the newest connections. */
  get servers(): Servers | undefined {
    return this.#servers;
  }

  get lastError(): Error {
    return this.#lastError;
  }

  get isClosed(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Commands in flight. */
  get inFlight(): number {
    return this.#calls.size + this.#together.unanswered;
  }

  /** Resolves while there are connections; rejects when the session is closed. */
  whenUp(): Promise<void> {
    return this.#up.promise;
  }

  /** Resolves when all commands that are now in flight, or asked for, are answered. */
  whenIdle(): Promise<void> {
    this.#together.flush();
    return this.#calls.whenIdle();
  }

  /** Rejects with Redis's own error, or with a connection error; then it is unknown whether the command was run. */
  call(key: string, args: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#track(key, (connection) => connection.call(key, args));
  }

  /** Waits until the line to the key's shard has room for a big answer or command. */
  bulk<T>(key: string, work: () => Promise<T>): Promise<T> {
    const shard = this.#connection?.shardOf(key) ?? '';
    let lane = this.#lanes.get(shard);
    if (lane === undefined) this.#lanes.set(shard, (lane = new BulkLane(this.#settings.clock)));
    return lane.run(work);
  }

  async run(script: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
    const [key = ''] = keys;
    this.#load(script, key);
    const command: (string | Buffer)[] = ['EVALSHA', script.sha, String(keys.length)];
    // spreads would grow the array by steps, for each message
    const call = command.concat(keys, args);
    try {
      return await this.call(key, call);
    } catch (error) {
      // it was not run: Redis has been restarted, or does not know the script yet
      if (!asError(error).message.startsWith('NOSCRIPT')) throw error;
      return this.call(key, ['EVAL', script.text, ...call.slice(2)]);
    }
  }

  /**
   * Runs a script for many threads, those of this turn of the event loop together; not for a cluster. The calls of one thread stay in order.
   * @param shared arguments that come once, before those of each call
   * @param weight of a call that is worth more than others
   */
  together(
    script: Script,
    shared: readonly string[],
    keys: readonly string[],
    args: readonly (string | Buffer)[],
    weight?: CallWeight,
  ): Promise<unknown> {
    return this.#together.call(script, shared, keys, args, weight);
  }

  /** Loads the script before its first use on a shard: otherwise many concurrent calls would each send the text. */
  #load({ sha, text }: Script, key: string): void {
    const name = `${this.#connection?.shardOf(key)} ${sha}`;
    if (this.#connection === undefined || this.#loaded.has(name)) return;
    this.#loaded.add(name);
    this.call(key, ['SCRIPT', 'LOAD', text]).catch(() => {});
  }

  subscribe(channel: string, listener: (message: Buffer) => void, onLost: () => void): Promise<void> {
    return this.#track(channel, (connection) => connection.subscribe(channel, listener, onLost));
  }

  /** Subscribes many channels with one command; not for a cluster. */
  subscribeAll(channels: readonly Channel[]): Promise<void> {
    return this.#track('', async (connection) => connection.subscribeAll?.(channels));
  }

  unsubscribe(channel: string): Promise<void> {
    return this.#track(channel, (connection) => connection.unsubscribe(channel));
  }

  /** Ends the connections, because they do not work as they should. */
  giveUp(reason: string): void {
    this.#giveUp(new Error(reason));
  }

  /** Received data shows that a shard answers, and how fast the line is. */
  heard(key: string): void {
    const shard = this.#connection?.shardOf(key);
    if (shard !== undefined) this.#calls.heard(shard);
  }

  close(error = new Error('log has been closed')): void {
    if (this.isClosed) return;
    this.#lastError = error;
    this.#settings.clock.clearTimeout(this.#timer);
    this.#stop.abort();
    this.#giveUp(error);
    this.#up.reject(error);
  }

  #track<T>(key: string, act: (connection: RedisConnection) => Promise<T>): Promise<T> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.reject(this.#lastError);
    return this.#calls.start(
      connection.shardOf(key),
      () => act(connection),
      (error) => {
        if (isElsewhere(error) && connection === this.#connection) this.giveUp(error.message);
      },
    );
  }

  /** Opens one set of connections after the other. Never rejects. */
  async #live(): Promise<void> {
    const { clock } = this.#settings;
    let attempt = 0;
    let former: RedisConnection | undefined;
    while (!this.isClosed) {
      const life = Promise.withResolvers<Trouble>();
      const end = (error: Error, extent: Extent): void => {
        this.#lastError = error;
        life.resolve({ error, extent });
      };
      const bornAt = clock.now();
      const next = await this.#open(end, life.promise);
      if (next !== undefined && this.isClosed) this.#end(next);
      else if (next !== undefined) {
        if (former !== undefined) this.#end(former);
        this.#giveUp = (error) => end(error, next.extent);
        this.#begin(next);
        former = (await life.promise).extent === 'partial' ? next : undefined;
        if (former === undefined) this.#end(next);
        else this.#listener.onDown();
      }
      attempt = clock.now() - bornAt > GOOD_LIFE_MS ? 0 : attempt + 1;
      await this.#backoff(attempt);
    }
    if (former !== undefined) this.#end(former);
  }

  async #open(onTrouble: OnTrouble, trouble: Promise<Trouble>): Promise<RedisConnection | undefined> {
    try {
      return await this.#opener.open(onTrouble, trouble);
    } catch (error) {
      if (!this.isClosed) this.#lastError = asError(error);
      if (error instanceof LogLayoutError) this.#refuse(error);
      return undefined;
    }
  }

  #refuse(error: Error): void {
    if (this.isClosed) return;
    this.close(error);
    this.#listener.onRefused?.(error);
  }

  #begin(connection: RedisConnection): void {
    const { clock, commandTimeoutMs } = this.#settings;
    this.#connection = connection;
    this.#servers = new Servers(connection, clock, commandTimeoutMs / 2);
    this.#lanes.clear();
    this.#loaded.clear();
    this.#up.resolve();
    this.#listener.onUp();
  }

  #end(connection: RedisConnection): void {
    const reason = this.#lastError;
    connection.destroy();
    // the end of a connection is not the reason for its end
    this.#lastError = reason;
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    if (!this.isClosed) {
      this.#up = Promise.withResolvers();
      this.#up.promise.catch(() => {});
    }
    this.#calls.rejectAll(this.#lastError);
    this.#listener.onDown();
  }

  #backoff(attempt: number): Promise<void> {
    const { clock, random } = this.#settings;
    const limit = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** attempt);
    return pause(clock, limit / 2 + (random() * limit) / 2, this.#stop.signal);
  }

  readonly #tick = (): void => {
    const { clock } = this.#settings;
    this.#timer = clock.setTimeout(this.#tick, TICK_MS);
    const now = clock.now();
    const isFair = now - this.#tickedAt < 2 * TICK_MS;
    this.#tickedAt = now;
    if (isFair && this.#calls.isSilent(this.#settings.commandTimeoutMs)) {
      this.giveUp(`Redis has not answered a command for ${this.#settings.commandTimeoutMs} ms`);
    }
    this.#listener.onTick(isFair);
  };

  /** Publishes without waiting; the message is lost if there is no connection. */
  publish(channel: string, message: string): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { publishCommand } = connection;
    const isSmall = publishCommand === 'PUBLISH' && message.length <= SMALL_MESSAGE;
    if (!isSmall) this.#together.flush();
    const published = isSmall
      ? this.together(MESSAGES, [], [], [channel, message])
      : this.call(channel, [publishCommand, channel, message]);
    published.catch((error: unknown) => {
      this.#lastError = asError(error);
    });
  }
}
