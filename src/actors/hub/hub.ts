import { createActor, type ActorRefFrom } from 'xstate';
import { assertThreadId, assertUserId, userThreadId } from '../../infra/log/ids.ts';
import { checkNumber, TIMER_RANGE } from '../../infra/option-checks.ts';
import { checkOptions } from '../../infra/option-table.ts';
import type { Readings } from '../../infra/telemetry/metrics.ts';
import type { hubMachine } from '../../machines/index.ts';
import type { Health } from '../../api/health.ts';
import type { Hub, HubState, HubStats, User } from '../../api/hub.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import { BroadcastNotice } from './broadcast-notice.ts';
import { DeadLines } from './dead-lines.ts';
import { deliverAll, endAll, endRemaining, sayGoodbye, type Ending } from './shutdown.ts';
import { WriteBatch } from '../delivery/write-batch.ts';
import { JoinedFrames } from '../delivery/joined-frames.ts';
import { SerializerActor } from '../serializer/serializer.ts';
import { FlushTimer } from '../streams/flush-timer.ts';
import type { StreamServices } from '../streams/stream-services.ts';
import { ConnectionAcceptor } from './connection-acceptor.ts';
import { LiveStatus } from './hub-status.ts';
import type { GatewayPort } from '../gateway/gateway-port.ts';
import { openDoor } from '../gateway/hub-door.ts';
import { UpgradeGateway } from '../gateway/upgrade-gateway.ts';
import { PeriodicWork } from './periodic-work.ts';
import { HubNews } from './hub-events.ts';
import { healthOf } from './health.ts';
import { launchHub, providedHub } from './machine-effects.ts';
import { pressureOf, statsOf, type Sources } from './stats.ts';
import { ConnectionRegistry } from './connection-registry.ts';
import { connectionScope } from '../support/id-scope.ts';
import { createContext } from './create-context.ts';
import { readMetrics } from './metric-readings.ts';
import { resolveOptions } from './resolve-options.ts';
import type { HubSettings } from '../support/settings.ts';
import { notices } from '../connection/wire-protocol.ts';
import { sendIfActive } from '../support/send-if-active.ts';
import { ThreadHandle } from '../thread/thread-handle.ts';
import { readSummaries } from './summaries.ts';
import { checkGroup, GroupHandle } from './thread-group.ts';
import { ThreadRegistry } from './thread-registry.ts';
import { ThreadUsers } from './thread-users.ts';
import type { MembershipPort } from '../connection/connection-services.ts';
import type { ValueServices } from '../values/value-changes.ts';
import { ValueOwners } from '../values/value-owners.ts';
import { UserHandle } from './user-handle.ts';
import { UserOrders } from './user-orders.ts';
import type { AttachOptions, UpgradeServer } from '../../api/attach.ts';
import type { Session } from '../../api/session.ts';
import type { AcceptedSocket } from '../../api/socket.ts';
import type { ThreadDefinition, ThreadId, ThreadShape } from '../../api/definition.ts';
import type { AcceptOptions, Connection } from '../../api/connection.ts';
import type { HubEvents } from '../../api/events.ts';
import type { Listener } from '../../api/listener.ts';
import type { SummaryOptions, SummaryRequest, ThreadSummary } from '../../api/summary.ts';
import type { ThreadGroup } from '../../api/thread-group.ts';
import type { Thread } from '../../api/thread.ts';
import type { HubOptions } from '../../api/options.ts';

/**
 * Creates a running hub.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option and its range
 */
export function createHub<Definition extends ThreadDefinition = never>(
  options: HubOptions<Definition> = {},
): Hub<Definition> {
  return new HubActor(resolveOptions(options));
}

/** As `createHub`, with other workers and another compression than this process has: for the simulator. */
export function createHubOver(options: HubOptions, ports: Pick<HubSettings, 'openWorkers' | 'deflate'>): Hub {
  return new HubActor({ ...resolveOptions(options), ...ports });
}

class HubActor<Definition extends ThreadDefinition> implements Hub<Definition> {
  readonly #context: StreamServices;
  readonly #values: ValueServices;
  readonly #status = new LiveStatus(() => this.state);
  readonly #news = new HubNews();
  readonly #threads: ThreadRegistry;
  readonly #connections: ConnectionRegistry;
  readonly #orders: UserOrders;
  readonly #acceptor: ConnectionAcceptor;
  readonly #gateways = new Set<UpgradeGateway>();
  readonly #port: GatewayPort;
  readonly #parts: Sources & Ending;
  readonly #deadLines: DeadLines;
  readonly #periodicWork: PeriodicWork;
  readonly #logNotice: BroadcastNotice;
  readonly #actor: ActorRefFrom<typeof hubMachine>;
  readonly #stopMetrics: () => void;
  #drained: Promise<void> = Promise.resolve();
  #released: Promise<void> = Promise.resolve();

  constructor(settings: HubSettings) {
    const { clock, log, streams } = settings;
    const news = this.#news;
    const looks = new Set<() => boolean>();
    const joinedFrames = new JoinedFrames();
    const shared = createContext({ settings, news, status: this.#status, looks, onIdle: () => joinedFrames.clear() });
    const serializer = new SerializerActor(shared);
    const context: StreamServices = {
      ...shared,
      encodeChunk: (chunk, maxBytes) => serializer.encodeChunk(chunk, maxBytes),
      ticker: new FlushTimer(clock, streams.windowMs),
      codecs: new Map([...settings.definitions.codecs, ...streams.codecs].map((codec) => [codec.name, codec])),
    };
    this.#context = context;
    const owners = new ValueOwners(log.values);
    this.#values = { ...context, owners, isConnected: (id) => this.#connections.get(id) !== undefined };
    this.#connections = new ConnectionRegistry(settings, (connection, end) => {
      owners.ended(connection.id);
      news.emit('evicted', { connection, ...end });
    });
    const batch = new WriteBatch(context.sender.sender, (task) => context.scheduler.add(task));
    this.#orders = new UserOrders(context, this.#connections);
    const notices = this.#orders;
    const scopeOfConnection = (id: string): string => connectionScope(id, this.#connections.clientIdOf(id));
    const users = new ThreadUsers(context, this.#connections, (id) => this.#threads.membersOf(id), news);
    this.#threads = new ThreadRegistry(
      { ...context, serializer, joinedFrames, batch, notices, users, scopeOfConnection },
      (id) => this.#connections.get(id),
    );
    const membership: MembershipPort = {
      joined: (...joined) => users.joined(...joined),
      left: (connection, threadId, reason) => {
        owners.left(connection.id, threadId);
        users.left(connection, threadId, reason);
      },
    };
    this.#acceptor = new ConnectionAcceptor(context, this.#connections, this.#threads, membership, this.#values);
    const { budgets, unfinished } = this.#acceptor;
    this.#parts = { context, serializer, connections: this.#connections, threads: this.#threads, unfinished };
    this.#deadLines = new DeadLines(context.actorOptions.clock, (userId) => this.#connections.ofUser(userId));
    this.#port = {
      budgets,
      publications: this.#acceptor.publications,
      values: this.#values,
      assertRoom: (userId) => this.#connections.assertRoom(userId),
      accept: (makeLink, settings) => this.#welcome(this.#acceptor.open(makeLink, settings)),
      refused: news.refused,
      makeRoom: (userId, signal) => this.#deadLines.makeRoom(userId, signal),
    };
    const connection = (id: string): ConnectionActor | undefined => this.#connections.get(id);
    openDoor(this, { context, port: this.#port, connection });
    this.#periodicWork = new PeriodicWork(context, { ...this.#parts, budgets }, looks);
    this.#logNotice = new BroadcastNotice({ values: () => this.#connections.present[Symbol.iterator]() }, context.now);
    this.#actor = createActor(providedHub, { ...context.actorOptions, id: 'hub' });
    launchHub(context.launch, this.#actor, () => {
      this.#released = this.#release();
    });
    serializer.start();
    this.#periodicWork.start();
    log.watch?.((error) => this.#logChanged(error));
    this.#stopMetrics = context.metrics.observe(() => this.#readings());
    sendIfActive(this.#actor, { type: 'started' });
  }

  get state(): HubState {
    return this.#actor.getSnapshot().value;
  }

  get connections(): Iterable<Connection> {
    return this.#connections.all;
  }

  get threads(): Iterable<Thread> {
    return this.#openThreads();
  }

  *#openThreads(): Generator<Thread> {
    for (const { id } of this.#threads.all) yield this.#handleOf(id);
  }

  #handleOf(threadId: string): ThreadHandle {
    return new ThreadHandle(threadId, this.#context, this.#threads, this.#values);
  }

  accept(socket: AcceptedSocket, options: AcceptOptions<Definition> = {}): ConnectionActor {
    return this.#welcome(this.#acceptor.accept(socket, options));
  }

  #welcome(connection: ConnectionActor): ConnectionActor {
    this.#news.emit('connection', connection);
    connection.announced();
    return connection;
  }

  attach<S extends Session>(server: UpgradeServer, options: AttachOptions<S, Definition> = {}): () => void {
    this.#status.assertRunning('attach');
    const gateway = new UpgradeGateway(server, options, this.#context, this.#port);
    for (const codec of options.protocol?.codecs ?? []) this.#context.codecs.set(codec.name, codec);
    this.#gateways.add(gateway);
    return () => {
      gateway.detach();
      this.#gateways.delete(gateway);
    };
  }

  thread<T extends ThreadShape>(threadId: ThreadId<T>): Thread<T>;
  thread(threadId: string): Thread;
  thread(threadId: string): Thread {
    assertThreadId(threadId);
    return this.#handleOf(threadId);
  }

  to<T extends ThreadShape>(ids: readonly ThreadId<T>[]): ThreadGroup<T>;
  to(ids: readonly string[]): ThreadGroup;
  to(ids: readonly string[]): ThreadGroup {
    return new GroupHandle(checkGroup(ids), this.#context, this.#threads, this.#parts.serializer);
  }

  async summaries(
    threads: readonly (string | SummaryRequest)[],
    options: SummaryOptions = {},
  ): Promise<readonly ThreadSummary[]> {
    return readSummaries(threads, options, this.#context);
  }

  user(userId: string): User {
    assertUserId('userId', userId);
    return new UserHandle(userId, this.#connections, this.#handleOf(userThreadId(userId)), this.#orders);
  }

  get pressure(): number {
    return pressureOf(this.#parts);
  }

  stats(): HubStats {
    return statsOf(this.#parts, this.state);
  }

  health(): Health {
    return healthOf(this.#parts, this.state, this.#status);
  }

  on<E extends keyof HubEvents>(event: E, listener: Listener<HubEvents[E]>): () => void {
    return this.#news.on(event, listener);
  }

  async drain(options: { timeoutMs?: number } = {}): Promise<void> {
    checkOptions<{ timeoutMs?: number }>(options, { timeoutMs: 'number' });
    const timeoutMs = checkNumber('timeoutMs', options.timeoutMs, 10_000, { ...TIMER_RANGE, min: 0 });
    if (this.#status.isRunning) this.#drained = this.#drain(this.#context.now() + timeoutMs);
    await this.#drained;
    // if it was closed instead
    await this.#released;
  }

  async close(): Promise<void> {
    sendIfActive(this.#actor, { type: 'close' });
    await this.#released;
  }

  #readings(): Readings {
    return readMetrics(this.#parts, {
      loopLateMs: this.#periodicWork.lateMs,
      errors: this.#news.errors,
      refusals: this.#news.refusals,
      isLogUp: this.#status.isLogUp,
    });
  }

  #logChanged(error: Error | undefined): void {
    const isUp = error === undefined;
    this.#status.isLogUp = isUp;
    this.#logNotice.begin(notices.log(isUp));
    this.#context.scheduler.add(this.#logNotice);
    this.#news.emit('log', { isUp, error });
  }

  /** Effect of the machine: the end. */
  async #release(): Promise<void> {
    this.#periodicWork.stop();
    this.#context.ticker.stop();
    for (const gateway of this.#gateways) gateway.close();
    this.#deadLines.stop();
    await endAll(this.#parts);
    this.#periodicWork.look();
    this.#stopMetrics();
    await endRemaining(this.#parts);
    this.#context.sender.release();
  }

  async #drain(deadline: number): Promise<void> {
    sendIfActive(this.#actor, { type: 'drain' });
    await deliverAll(this.#parts, deadline);
    await sayGoodbye(this.#parts);
    sendIfActive(this.#actor, { type: 'drained' });
    await this.#released;
  }
}
