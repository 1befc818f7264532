import { createActor, type ActorRefFrom } from 'xstate';
import { closeCodes } from '../../infra/wire/close-codes.ts';
import { assertThreadId, assertUserId, userThreadId } from '../../infra/log/ids.ts';
import { checkNumber, TIMER_RANGE } from '../../infra/option-checks.ts';
import { checkOptions } from '../../infra/option-table.ts';
import type { Readings } from '../../infra/telemetry/metrics.ts';
import { turnAway, wsLink } from '../../infra/socket/ws-link.ts';
import { hubMachine } from '../../machines/index.ts';
import type { Hub, HubStats, User } from '../../api/hub.ts';
import { ConnectionActor } from '../connection/connection.ts';
import { resolveAccept } from '../connection/resolve-accept-options.ts';
import { BroadcastNotice } from './broadcast-notice.ts';
import { DeadLines } from './dead-lines.ts';
import { deliverAll, endAll, endRemaining, sayGoodbye } from './shutdown.ts';
import type { HubServices } from './hub-services.ts';
import { UpgradeGateway } from '../gateway/upgrade-gateway.ts';
import type { HubParts } from './hub-parts.ts';
import { PeriodicWork } from './periodic-work.ts';
import { HubNews } from './hub-events.ts';
import { pressureOf, statsOf } from './stats.ts';
import { ConnectionRegistry } from './connection-registry.ts';
import { createServices } from './create-services.ts';
import { readMetrics } from './metric-readings.ts';
import { resolveOptions } from './resolve-options.ts';
import type { HubSettings } from '../support/settings.ts';
import { notices } from '../connection/wire-protocol.ts';
import { sendIfActive } from '../support/send-if-active.ts';
import { ThreadHandle } from '../thread/thread-handle.ts';
import { ThreadRegistry } from './thread-registry.ts';
import { UserHandle } from './user-handle.ts';
import type { AttachOptions, Session, UpgradeServer } from '../../api/attach.ts';
import type { AcceptedSocket } from '../../api/socket.ts';
import type { AcceptOptions, Connection } from '../../api/connection.ts';
import type { HubEvents } from '../../api/events.ts';
import type { Listener } from '../../api/listener.ts';
import type { Thread } from '../../api/thread.ts';
import type { HubOptions } from '../../api/options.ts';

/**
 * Makes a hub, running.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option and its range
 */
export function createHub(options: HubOptions = {}): Hub {
  return new HubActor(resolveOptions(options));
}

class HubActor implements Hub {
  readonly #settings: HubSettings;
  readonly #connections: ConnectionRegistry;
  readonly #threads = new ThreadRegistry(() => this.#services);
  readonly #news = new HubNews();
  readonly #doors = new Set<UpgradeGateway>();
  readonly #deadLines: DeadLines;
  readonly #parts: HubParts;
  readonly #services: HubServices;
  readonly #housekeeping: PeriodicWork;
  readonly #logNotice: BroadcastNotice;
  readonly #actor: ActorRefFrom<typeof hubMachine>;
  readonly #stopMetrics: () => void;
  #isLogUp = true;
  #drained: Promise<void> = Promise.resolve();
  #released: Promise<void> = Promise.resolve();

  constructor(settings: HubSettings) {
    this.#settings = settings;
    this.#connections = new ConnectionRegistry(settings);
    const looks = new Set<() => boolean>();
    this.#services = createServices({
      settings,
      connections: this.#connections,
      threads: this.#threads,
      news: this.#news,
      looks,
      state: () => this.state,
      isLogUp: () => this.#isLogUp,
    });
    this.#deadLines = new DeadLines(this.#services.actorOptions.clock, (userId) => this.#connections.ofUser(userId));
    this.#parts = { services: this.#services, connections: this.#connections, threads: this.#threads };
    this.#housekeeping = new PeriodicWork(this.#parts, looks);
    this.#logNotice = new BroadcastNotice(() => this.#connections.present, this.#services.now);
    const machine = hubMachine.provide({
      actions: {
        release: () => {
          this.#released = this.#release();
        },
      },
    });
    this.#actor = createActor(machine, { ...this.#services.actorOptions, id: 'hub' });
    this.#services.launch(this.#actor);
    this.#services.serializer.start();
    this.#housekeeping.start();
    settings.log.watch?.((error) => this.#logChanged(error));
    this.#stopMetrics = this.#services.metrics.observe(() => this.#readings());
    sendIfActive(this.#actor, { type: 'started' });
  }

  get state(): string {
    return this.#actor.getSnapshot().value;
  }

  get connections(): Iterable<Connection> {
    return this.#connections.all;
  }

  get threads(): Iterable<Thread> {
    return this.#openThreads();
  }

  *#openThreads(): Generator<Thread> {
    for (const { id } of this.#threads.all) yield new ThreadHandle(id, this.#services);
  }

  accept(socket: AcceptedSocket, options: AcceptOptions = {}): ConnectionActor {
    this.#services.assertRunning('accept');
    const settings = resolveAccept(options, this.#services);
    try {
      this.#connections.assertRoom(options.userId);
    } catch (error) {
      if (typeof socket !== 'function') turnAway(socket, closeCodes.overloaded.code, closeCodes.overloaded.reason);
      throw error;
    }
    const makeLink = typeof socket === 'function' ? socket : wsLink.bind(undefined, socket);
    const connection = new ConnectionActor(settings, this.#services);
    connection.attach(makeLink);
    this.#connections.add(connection);
    this.#services.counters.connectionsAccepted++;
    connection.start();
    this.#joinUserThread(connection);
    this.#news.emit('connection', connection);
    return connection;
  }

  attach<S extends Session>(server: UpgradeServer, options: AttachOptions<S> = {}): () => void {
    this.#services.assertRunning('attach');
    const door = new UpgradeGateway(server, options, {
      context: this.#services,
      assertRoom: (userId) => this.#connections.assertRoom(userId),
      accept: (socket, settings) => this.accept(socket, settings),
      refused: this.#news.refused,
      makeRoom: (userId, signal) => this.#deadLines.makeRoom(userId, signal),
    });
    this.#doors.add(door);
    return () => {
      door.detach();
      this.#doors.delete(door);
    };
  }

  thread(threadId: string): Thread {
    assertThreadId(threadId);
    return new ThreadHandle(threadId, this.#services);
  }

  user(userId: string): User {
    assertUserId('userId', userId);
    return new UserHandle(userId, this.#connections, this.#services);
  }

  get pressure(): number {
    return pressureOf(this.#services);
  }

  stats(): HubStats {
    return statsOf(this.#parts, this.state);
  }

  on<E extends keyof HubEvents>(event: E, listener: Listener<HubEvents[E]>): () => void {
    return this.#news.on(event, listener);
  }

  async drain(options: { timeoutMs?: number } = {}): Promise<void> {
    checkOptions<{ timeoutMs?: number }>(options, { timeoutMs: 'number' });
    const timeoutMs = checkNumber('timeoutMs', options.timeoutMs, 10_000, { ...TIMER_RANGE, min: 0 });
    if (this.#services.isRunning) this.#drained = this.#drain(this.#services.now() + timeoutMs);
    await this.#drained;
    // where it was closed instead
    await this.#released;
  }

  async close(): Promise<void> {
    sendIfActive(this.#actor, { type: 'close' });
    await this.#released;
  }

  #readings(): Readings {
    return readMetrics(this.#parts, {
      loopLateMs: this.#housekeeping.lateMs,
      errors: this.#news.errors,
      refusals: this.#news.refusals,
      isLogUp: this.#isLogUp,
    });
  }

  /**
   * A user who is being sent to has a thread; others get theirs with the first message. That may come from another process, which
   * does not know who is here: then each has one from the beginning.
   */
  #joinUserThread(connection: ConnectionActor): void {
    if (connection.userId === undefined) return;
    const threadId = userThreadId(connection.userId);
    if (this.#settings.log.notify === undefined && this.#threads.get(threadId) === undefined) return;
    connection.joinOwn(threadId).catch((error: unknown) => {
      if (connection.state === 'evicted') return;
      // a client that comes back gets what it would not get here
      connection.evict(closeCodes.overloaded);
      this.#news.report(error);
    });
  }

  #logChanged(error: Error | undefined): void {
    const isUp = error === undefined;
    this.#isLogUp = isUp;
    this.#logNotice.begin(notices.log(isUp));
    this.#services.scheduler.add(this.#logNotice);
    this.#news.emit('log', { isUp, error });
  }

  /** Effect of the machine: the end. */
  async #release(): Promise<void> {
    this.#housekeeping.stop();
    this.#services.ticker.stop();
    for (const door of this.#doors) door.close();
    this.#deadLines.stop();
    await endAll(this.#parts);
    this.#housekeeping.look();
    this.#stopMetrics();
    await endRemaining(this.#parts);
  }

  async #drain(deadline: number): Promise<void> {
    sendIfActive(this.#actor, { type: 'drain' });
    await deliverAll(this.#parts, deadline);
    await sayGoodbye(this.#parts);
    sendIfActive(this.#actor, { type: 'drained' });
    await this.#released;
  }
}
