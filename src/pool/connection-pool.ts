import type { InspectionEvent } from 'xstate';
import type { ThreadId, ThreadShape } from '../api/definition.ts';
import type { ClientThread, JoinOptions, Published, PublishOptions, VolatilePublishOptions } from '../client/api.ts';
import { AckQueue } from '../client/ack-queue.ts';
import { BytesReader } from '../client/bytes-reader.ts';
import { checkOptions } from '../client/check-options.ts';
import { Timer } from '../client/clock.ts';
import { Emitter } from '../client/emitter.ts';
import { reportGlobally } from '../client/environment.ts';
import { ClientClosedError, InvalidOptionError, type ConnectionRefusedError } from '../client/errors.ts';
import { dropExcess } from '../client/excess.ts';
import { JoinQueue } from '../client/join-queue.ts';
import { checkThreadId, type ClientSettings } from '../client/options.ts';
import type { DrainOptions, Pool, PoolConnection, PoolEvents, PoolStats } from './api.ts';
import { HubLine } from './hub-line.ts';
import type { Line, MakeLine } from './line.ts';
import type { PoolSettings } from './options.ts';
import { Places } from './places.ts';
import { PoolInbox } from './pool-inbox.ts';
import type { ConnectionHost, PooledConnection } from './pooled-connection.ts';
import { encodePublication } from './publication.ts';
import { Publications } from './publications.ts';
import { hashOf, placeOf } from './rendezvous.ts';
import { observePool } from './telemetry.ts';
import type { RouteHost } from './line-host.ts';
import { ThreadRoute } from './thread-route.ts';

/** Remembered messages of several threads. A forgotten one may come twice. */
const MAX_SHARED = 16_384;

/** Those of the log that uses the pool's address. */
type LentPlaces = Pick<Places<Line>, 'connections' | 'open' | 'evictions'>;

interface ReadyWaiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The pool: its places have the connections, its routes the threads. It decides which thread uses which connection. */
export class ConnectionPool extends Emitter<PoolEvents> implements Pool, ConnectionHost<HubLine>, RouteHost {
  readonly threadSettings: ClientSettings;
  readonly parked: { readonly joins: JoinQueue; readonly acks: AckQueue };
  readonly inbox: PoolInbox;
  isLogUp = true;
  readonly #settings: PoolSettings;
  readonly #inspect: (event: InspectionEvent) => void;
  readonly #places: Places<HubLine>;
  /** The relay log that uses the pool's address: its connection, and how it ends. */
  #borrower: { readonly places?: LentPlaces; readonly end: () => void } | undefined;
  readonly #routes = new Map<string, ThreadRoute>();
  readonly #publications: Publications;
  /** By messages that come in several threads: the thread that has given it. */
  readonly #givers = new Map<string, string>();
  readonly #unobserve: () => void;
  /** Of all lines: a big message goes on over another one. */
  readonly #bytes: BytesReader;
  #state: 'live' | 'draining' | 'closed' = 'live';
  #ready: ReadyWaiter[] = [];
  #moves = 0;
  #failures = 0;

  constructor(settings: PoolSettings) {
    super(['transition', 'log', 'error']);
    this.#settings = settings;
    this.threadSettings = settings.threads;
    const { clock, maxMessageBytes } = settings.threads;
    this.#bytes = new BytesReader(maxMessageBytes);
    this.parked = { joins: new JoinQueue(() => {}), acks: new AckQueue(clock, () => {}) };
    this.inbox = new PoolInbox(this);
    const { maxQueued, maxQueuedBytes, policy } = settings;
    this.#publications = new Publications(
      { clock, maxQueued, maxQueuedBytes },
      (threadId) => this.#routes.get(threadId)?.line ?? this.#lineFor(hashOf(threadId)),
    );
    const { inspect, unobserve } = observePool(settings, {
      onTransition: (transition) => void this.emit('transition', transition),
      read: () => this.stats,
      report: (error) => this.report(error),
    });
    this.#unobserve = unobserve;
    this.#inspect = inspect;
    const makeLine: MakeLine<HubLine> = (of, line) => new HubLine(of, line, this.inbox, this.#bytes);
    this.#places = new Places(settings, { host: this, policy, inspect, makeLine });
    // not in this turn: the application still has to add its listeners, or to make a relay log of it
    queueMicrotask(() => this.#fit());
  }

  get connections(): readonly PoolConnection[] {
    return this.#borrower?.places?.connections ?? this.#places.connections;
  }

  get stats(): PoolStats {
    const connections = { connecting: 0, open: 0, retrying: 0, tripped: 0 };
    for (const { state } of this.connections) if (state !== 'evicted') connections[state]++;
    let waiting = 0;
    for (const { line } of this.#routes.values()) if (line === undefined) waiting++;
    return {
      connections,
      threads: this.#routes.size,
      waiting,
      queued: this.#publications.size,
      moves: this.#moves,
      failures: this.#failures,
      evictions: this.#borrower?.places?.evictions ?? this.#places.evictions,
    };
  }

  join<T extends ThreadShape>(threadId: ThreadId<T>, options?: JoinOptions): ClientThread<T>;
  join(threadId: string, options?: JoinOptions): ClientThread;
  join(threadId: string, options: JoinOptions = {}): ClientThread {
    this.#assertLive('join', threadId);
    checkOptions<JoinOptions>(options, { from: 'string', onGap: 'function', onProgress: 'function' });
    const known = this.#routes.get(threadId);
    if (known) return known.open(options);
    const route = new ThreadRoute(threadId, this, () => this.#forget(route));
    const thread = route.open(options);
    this.#routes.set(threadId, route);
    this.#fit();
    route.moveTo(this.#publications.lineOf(threadId) ?? this.#lineFor(route.hash), true);
    return thread;
  }

  publish(threadId: string, data: unknown, options?: PublishOptions): Promise<Published>;
  publish(threadId: string, data: unknown, options: VolatilePublishOptions): Promise<Published | undefined>;
  async publish(
    threadId: string,
    data: unknown,
    options: Partial<VolatilePublishOptions> = {},
  ): Promise<Published | undefined> {
    this.#assertLive('publish', threadId);
    const publication = encodePublication(threadId, data, options, this.threadSettings.newId);
    const { timeoutMs = this.threadSettings.publishTimeoutMs, volatile = false } = options;
    const answer = await this.#publications.add(threadId, publication, { timeoutMs, volatile });
    return answer && { id: publication.id, ...answer };
  }

  async ready(): Promise<void> {
    if (this.#state === 'closed') throw new ClientClosedError({ action: 'ready' });
    this.#fit();
    if (this.#isOpen) return;
    await new Promise<void>((resolve, reject) => this.#ready.push({ resolve, reject }));
  }

  async drain(options: DrainOptions = {}): Promise<void> {
    const { timeoutMs = 10_000 } = checkOptions<DrainOptions>(options, { timeoutMs: 1 });
    if (this.#state === 'closed') return;
    this.#state = 'draining';
    const timer = new Timer(this.threadSettings.clock);
    const timeout = new Promise<void>((resolve) => timer.set(timeoutMs, resolve));
    await Promise.race([this.#publications.drained(), timeout]);
    timer.clear();
    this.close();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const route of this.#routes.values()) route.end();
    this.inbox.end();
    this.#publications.end();
    this.#places.close('closed');
    this.#borrower?.end();
    this.#unobserve();
    for (const { reject } of this.#ready.splice(0)) reject(new ClientClosedError({ action: 'ready' }));
  }

  report(error: unknown): void {
    if (!this.emit('error', error)) reportGlobally(error);
  }

  // --- a relay log calls

  /**
   * Gives the pool's address and policy away: from now on it has no connections for threads.
   * @param end ends what uses them
   * @throws InvalidOptionError if the pool is in use
   */
  lend(end: () => void): { readonly settings: PoolSettings; readonly inspect: (event: InspectionEvent) => void } {
    const isUsed = this.#borrower !== undefined || this.#routes.size > 0 || this.#places.connections.length > 0;
    if (isUsed || this.#state !== 'live')
      throw new InvalidOptionError({ option: 'pool', expected: 'a pool that nothing has used' });
    this.#borrower = { end };
    return { settings: this.#settings, inspect: this.#inspect };
  }

  borrowed(places: LentPlaces): void {
    if (this.#borrower !== undefined) this.#borrower = { ...this.#borrower, places };
  }

  /** A connection is open. */
  opened(): void {
    for (const { resolve } of this.#ready.splice(0)) resolve();
  }

  /** A hub has refused a connection for good. */
  refused(refusal: ConnectionRefusedError): void {
    this.report(refusal);
    if (!this.#isOpen) for (const { reject } of this.#ready.splice(0)) reject(refusal);
  }

  // --- its connections call

  onOpen(line: HubLine): void {
    this.opened();
    this.inbox.opened(line);
    const open = this.#places.open;
    for (const route of this.#routes.values())
      if (route.line === undefined) route.moveTo(placeOf(route.hash, open)?.line, false);
    this.#publications.flush();
  }

  /** Threads that belong here come back, unless answers for them are on their way to another connection. */
  onSettled({ line, place }: PooledConnection<HubLine>): void {
    const open = this.#places.open;
    for (const route of this.#routes.values()) {
      if (route.line === line || placeOf(route.hash, open)?.place !== place) continue;
      const awaited = this.#publications.lineOf(route.threadId);
      if (awaited !== undefined && awaited !== line) continue;
      this.#moves++;
      route.moveTo(line, true);
    }
  }

  onLose(line: HubLine): void {
    const open = this.#places.open;
    for (const id of line.threads.keys()) {
      const route = this.#routes.get(id);
      if (route === undefined) continue;
      this.#moves++;
      route.moveTo(placeOf(route.hash, open)?.line, false);
    }
    this.#publications.lost(line);
    this.inbox.lost(line, open[0]?.line);
  }

  onEvicted(connection: PooledConnection<HubLine>, refusal: ConnectionRefusedError | undefined): void {
    this.#places.replace(connection, refusal);
    if (refusal !== undefined) this.refused(refusal);
  }

  onFailure(): void {
    this.#failures++;
  }

  onLog(): void {
    const isUp = this.#places.connections.every(({ isLogUp }) => isLogUp);
    if (isUp === this.isLogUp) return;
    this.isLogUp = isUp;
    this.emit('log', { isUp });
  }

  // --- its threads call

  isFirst(id: string, threadId: string, isGiven: boolean): boolean {
    const giver = this.#givers.get(id) ?? threadId;
    if (isGiven) this.#givers.set(id, giver);
    dropExcess(this.#givers, MAX_SHARED);
    return giver === threadId;
  }

  async request(
    threadId: string,
    id: string,
    text: string,
    timeoutMs = this.threadSettings.publishTimeoutMs,
  ): Promise<unknown> {
    return this.#publications.add(threadId, { id, frame: text }, { timeoutMs });
  }

  #forget(route: ThreadRoute): void {
    if (this.#routes.get(route.threadId) !== route) return;
    this.#routes.delete(route.threadId);
    this.#bytes.forget(route.threadId);
    this.#fit();
  }

  get #isOpen(): boolean {
    return (this.#borrower?.places ?? this.#places).open.length > 0;
  }

  #fit(): void {
    if (this.#borrower === undefined && this.#state !== 'closed') this.#places.fit(() => this.#routes.size);
  }

  /** The line of an open connection that the thread belongs to. */
  #lineFor(hash: number): HubLine | undefined {
    return placeOf(hash, this.#places.open)?.line;
  }

  #assertLive(action: string, threadId: string): void {
    checkThreadId(threadId);
    if (this.#state !== 'live' || this.#borrower !== undefined) throw new ClientClosedError({ action });
  }
}
