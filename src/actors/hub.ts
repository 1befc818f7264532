import { createActor, type ActorRefFrom, type AnyActorRef } from 'xstate';
import { closeCodes } from '../infra/close-codes.ts';
import { asError, HubClosedError } from '../infra/errors.ts';
import type { UpgradeServer } from '../infra/refusal.ts';
import { assertThreadId } from '../infra/ids.ts';
import { checkChoice, checkFunction, checkNumber } from '../infra/option-checks.ts';
import { patientClock } from '../infra/patient-clock.ts';
import { Metrics, type Readings } from '../infra/metrics.ts';
import { Telemetry } from '../infra/telemetry.ts';
import { wsLink } from '../infra/ws-link.ts';
import { hubMachine } from '../machines/index.ts';
import type {
  AcceptedSocket,
  AcceptOptions,
  AttachOptions,
  Connection,
  Hub,
  HubEvents,
  HubStats,
  Session,
  Thread,
  User,
} from './api.ts';
import { ConnectionActor } from './connection.ts';
import { makeCounters } from './counters.ts';
import { provideConnection, provideThread } from './effects.ts';
import { Crier } from './crier.ts';
import type { Engine } from './engine.ts';
import { ErrorCounts } from './error-counts.ts';
import { Flight } from './flight.ts';
import { FrontDoor } from './front-door.ts';
import { guarded, Listeners, type Listener } from './listeners.ts';
import { Lobby } from './lobby.ts';
import { makeObserver } from './observers.ts';
import { readMetrics } from './readings.ts';
import { resolveOptions, type HubOptions, type HubSettings } from './options.ts';
import { notices } from './protocol.ts';
import { Runs } from './runs.ts';
import { SerializerActor } from './serializer.ts';
import { StreamTicker } from './stream-ticker.ts';
import { SweepRound } from './sweep-round.ts';
import { Sweeper } from './sweeper.ts';
import { tell } from './tell.ts';
import { ThreadHandle } from './thread-handle.ts';
import { Threads } from './threads.ts';
import { Turns } from './turns.ts';
import { userThreadId } from './users.ts';
import { before, oneByOne, until } from './waiting.ts';

/** How long a draining client is told to wait before it comes back, at most; each one gets its own share. */
const BYE_SPREAD_MS = 5_000;

/**
 * Makes a hub, running.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option and its range
 */
export function createHub(options: HubOptions = {}): Hub {
  return new HubActor(resolveOptions(options));
}

/** A wait of fan-out for its turn that counts as full pressure. */
const FULL_LAG_MS = 100;

/** How long closing sockets may take for the handshake of RFC 6455 section 7 before they are cut. */
const CLOSE_HANDSHAKE_MS = 1_000;

const CLOSED_THREAD = { state: 'closed', members: 0, behind: 0, lag: 0, head: 0 };

class HubActor implements Hub {
  readonly #settings: HubSettings;
  readonly #lobby: Lobby;
  readonly #threads = new Threads(() => this.#engine);
  readonly #counters = makeCounters();
  readonly #listeners = new Listeners<HubEvents>((error) => this.#report(error));
  readonly #doors = new Set<FrontDoor>();
  readonly #looks = new Set<() => boolean>();
  readonly #errors = new ErrorCounts();
  readonly #engine: Engine;
  readonly #sweeper: Sweeper;
  readonly #round: SweepRound;
  readonly #crier: Crier;
  readonly #actor: ActorRefFrom<typeof hubMachine>;
  readonly #stopMetrics: () => void;
  #isReporting = false;
  #isLogUp = true;
  #drained: Promise<void> = Promise.resolve();
  #released: Promise<void> = Promise.resolve();

  constructor(settings: HubSettings) {
    this.#settings = settings;
    this.#lobby = new Lobby(settings);
    this.#engine = this.#makeEngine();
    this.#round = new SweepRound(this.#lobby, settings.clock, settings.sweepMs / 2, (round) => {
      this.#engine.turns.add(round);
    });
    this.#crier = new Crier(() => this.#lobby.present, this.#engine.now);
    this.#sweeper = new Sweeper(settings.clock, settings.sweepMs, (_, isFair) => this.#sweep(isFair));
    const machine = hubMachine.provide({
      actions: {
        release: () => {
          this.#released = this.#release();
        },
      },
    });
    this.#actor = createActor(machine, { ...this.#engine.actorOptions, id: 'hub' });
    this.#engine.launch(this.#actor);
    this.#engine.serializer.start();
    this.#sweeper.start();
    settings.log.watch?.((error) => this.#logChanged(error));
    this.#stopMetrics = this.#engine.metrics.observe(() => this.#readings());
    tell(this.#actor, { type: 'started' });
  }

  get state(): string {
    return this.#actor.getSnapshot().value;
  }

  get connections(): Iterable<Connection> {
    return this.#lobby.all;
  }

  get threads(): Iterable<Thread> {
    return this.#openThreads();
  }

  *#openThreads(): Generator<Thread> {
    for (const { id } of this.#threads.all) yield new ThreadHandle(id, this.#engine);
  }

  accept(socket: AcceptedSocket, options: AcceptOptions = {}): ConnectionActor {
    this.#assertRunning('accept');
    const { maxInputBytes } = this.#settings;
    const settings = {
      id: this.#engine.newId(),
      userId: options.userId,
      data: options.data,
      format: checkChoice('format', options.format, 'json', ['json', 'plain']),
      authorize: checkFunction('authorize', options.authorize) ?? (() => false),
      onPublish: checkFunction('onPublish', options.onPublish),
      maxInputBytes: checkNumber('maxInputBytes', options.maxInputBytes, maxInputBytes, { min: 1, max: maxInputBytes }),
    };
    try {
      this.#lobby.assertRoom(options.userId);
    } catch (error) {
      if (typeof socket !== 'function') socket.close(closeCodes.overloaded.code, closeCodes.overloaded.reason);
      throw error;
    }
    const makeLink = typeof socket === 'function' ? socket : wsLink.bind(undefined, socket);
    const connection = new ConnectionActor(makeLink, settings, this.#engine);
    this.#lobby.add(connection);
    this.#counters.connectionsAccepted++;
    connection.start();
    this.#joinUserThread(connection);
    this.#listeners.emit('connection', connection);
    return connection;
  }

  attach<S extends Session>(server: UpgradeServer, options: AttachOptions<S> = {}): () => void {
    this.#assertRunning('attach');
    const door = new FrontDoor(server, options, {
      engine: this.#engine,
      assertRoom: (userId) => this.#lobby.assertRoom(userId),
      accept: (socket, settings) => this.accept(socket, settings),
    });
    this.#doors.add(door);
    return () => {
      door.detach();
      this.#doors.delete(door);
    };
  }

  thread(threadId: string): Thread {
    assertThreadId(threadId);
    return new ThreadHandle(threadId, this.#engine);
  }

  user(userId: string): User {
    const lobby = this.#lobby;
    const thread = new ThreadHandle(userThreadId(userId), this.#engine);
    return {
      id: userId,
      get connections() {
        return lobby.ofUser(userId);
      },
      async send(message, options) {
        const joins = lobby.ofUser(userId).map(async (connection) => {
          try {
            await connection.join(thread.id);
          } catch (error) {
            // who goes meanwhile keeps nobody from it
            if (connection.state !== 'evicted') throw error;
          }
        });
        await Promise.all(joins);
        return thread.send(message, options);
      },
    };
  }

  get pressure(): number {
    const { serializer, turns } = this.#engine;
    return Math.min(1, Math.max(serializer.underWay / this.#settings.serializer.maxQueue, turns.lagMs / FULL_LAG_MS));
  }

  stats(): HubStats {
    const states = { open: 0, retrying: 0, tripped: 0, evicted: 0 };
    for (const { state } of this.#lobby.present) states[state]++;
    const { open, retrying, tripped } = states;
    return {
      ...this.#counters,
      state: this.state,
      serializer: this.#engine.serializer.state,
      connections: { open, retrying, tripped, total: this.#lobby.size },
      threads: this.#threads.size,
      streams: this.#threads.streams,
      serializing: this.#engine.serializer.underWay,
      segmentsInUse: this.#engine.serializer.segmentsInUse,
      longestSliceMs: this.#engine.turns.longestSliceMs,
    };
  }

  on<E extends keyof HubEvents>(event: E, listener: Listener<HubEvents[E]>): () => void {
    return this.#listeners.on(event, listener);
  }

  async drain(options: { timeoutMs?: number } = {}): Promise<void> {
    const timeoutMs = checkNumber('timeoutMs', options.timeoutMs, 10_000, { min: 0, max: 2 ** 31 - 1 });
    if (this.state === 'running') this.#drained = this.#drain(this.#engine.now() + timeoutMs);
    await this.#drained;
    // where it was closed instead
    await this.#released;
  }

  async close(): Promise<void> {
    tell(this.#actor, { type: 'close' });
    await this.#released;
  }

  // --- the engine: what the actors below share

  #makeEngine(): Engine {
    const { clock, newId, tracer, meter, maxSendSpans } = this.#settings;
    const report = (error: unknown): void => this.#report(error);
    const telemetry = new Telemetry(maxSendSpans, report, tracer);
    const metrics = new Metrics(report, meter);
    const runs = new Runs();
    const isLogUp = (): boolean => this.#isLogUp;
    const isRunning = (): boolean => this.state === 'running';
    const observe = makeObserver(
      this.#settings.inspectors,
      (transition) => {
        telemetry.transition(transition);
        this.#listeners.emit('transition', transition);
      },
      report,
    );
    const actorOptions = { clock: patientClock(clock), inspect: observe, logger: () => {} };
    const launch = (actor: AnyActorRef): void => {
      actor.subscribe({ error: report });
      actor.start();
    };
    return {
      settings: this.#settings,
      clock,
      telemetry,
      metrics,
      serializer: new SerializerActor({ settings: this.#settings, telemetry, metrics, actorOptions, launch, report }),
      turns: new Turns(clock, this.#settings.sliceMs, report, () => runs.clear()),
      runs,
      flight: new Flight(),
      ticker: new StreamTicker(clock, this.#settings.streams.windowMs),
      counters: this.#counters,
      get isRunning() {
        return isRunning();
      },
      get isLogUp() {
        return isLogUp();
      },
      machines: {
        connection: provideConnection((id) => this.#lobby.get(id), this.#counters),
        thread: provideThread((id) => this.#threads.get(id)),
      },
      actorOptions,
      now: () => clock.now(),
      newId,
      isInspected: this.#settings.inspectors.length > 0,
      launch,
      openThread: (threadId) => this.#threads.open(threadId),
      forgetThread: (thread) => this.#threads.forget(thread),
      forgetConnection: (connection, end) => {
        this.#lobby.leave(connection);
        this.#listeners.emit('evicted', { connection, ...end });
      },
      forgetLink: (connection) => this.#lobby.forget(connection),
      membersOf: (threadId) =>
        [...(this.#threads.get(threadId)?.members ?? [])].flatMap(
          ({ subscriber }) => this.#lobby.get(subscriber.id) ?? [],
        ),
      statsOf: (threadId) => this.#threads.get(threadId)?.stats ?? CLOSED_THREAD,
      whenReady: (threadId) => this.#threads.whenReady(threadId),
      assertRunning: (action) => this.#assertRunning(action),
      lookAtEachSweep: (look) => void this.#looks.add(look),
      report,
    };
  }

  #readings(): Readings {
    const { pressure } = this;
    const { lateMs: loopLateMs } = this.#sweeper;
    return readMetrics(this.#engine, {
      connections: this.#lobby.all,
      bytesOfGone: this.#lobby.bytesOfGone,
      threads: this.#threads.size,
      streams: this.#threads.streams,
      pressure,
      loopLateMs,
      errors: this.#errors.all,
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
    connection.join(threadId).catch((error: unknown) => {
      if (connection.state === 'evicted') return;
      // a client that comes back gets what it would not get here
      connection.evict(closeCodes.overloaded);
      this.#report(error);
    });
  }

  #logChanged(error: Error | undefined): void {
    const isUp = error === undefined;
    this.#isLogUp = isUp;
    this.#crier.begin(notices.log(isUp));
    this.#engine.turns.add(this.#crier);
    this.#listeners.emit('log', { isUp, error });
  }

  #sweep(isFair: boolean): void {
    this.#round.begin(isFair);
    this.#threads.sweep();
    guarded(() => this.#settings.log.sweep(), this.#engine.report);
    this.#engine.serializer.sweep();
    this.#look();
  }

  #look(): void {
    for (const look of this.#looks) if (look()) this.#looks.delete(look);
  }

  /** Effect of the machine: the end. */
  async #release(): Promise<void> {
    const { clock, serializer } = this.#engine;
    const { goingAway } = closeCodes;
    this.#sweeper.stop();
    this.#round.stop();
    this.#engine.ticker.stop();
    for (const door of this.#doors) door.close();
    const stopped = serializer.stop();
    this.#threads.close();
    await oneByOne(clock, this.#lobby.all, (connection) => connection.evict(goingAway));
    await oneByOne(clock, this.#threads.all, (thread) => thread.close());
    this.#look();
    this.#stopMetrics();
    await stopped;
    try {
      await this.#settings.log.close();
    } catch (error) {
      this.#report(error);
    }
    const { closing } = this.#lobby;
    await until(clock, clock.now() + CLOSE_HANDSHAKE_MS, () => closing.size === 0);
    await oneByOne(clock, closing, (connection) => connection.terminateLink());
  }

  /** Delivers what was accepted, says good-bye, and ends. */
  async #drain(deadline: number): Promise<void> {
    const { clock, serializer } = this.#engine;
    tell(this.#actor, { type: 'drain' });
    await before(clock, deadline, this.#threads.opened());
    const drained: Promise<void>[] = [];
    await oneByOne(clock, this.#threads.all, (thread) => drained.push(thread.drain()));
    await before(clock, deadline, Promise.all(drained));
    await before(clock, deadline, serializer.drain());
    await until(clock, deadline, () => !this.#lobby.all.some((connection) => connection.isBusy));
    await oneByOne(clock, this.#threads.all, (thread) => thread.drained());
    const leaving = this.#lobby.all;
    await oneByOne(clock, leaving, (connection, i) => {
      connection.tell(notices.bye(Math.round((BYE_SPREAD_MS * (i + 1)) / leaving.length)));
      connection.evict(closeCodes.drain);
    });
    tell(this.#actor, { type: 'drained' });
    await this.#released;
  }

  #assertRunning(action: string): void {
    const { state } = this;
    if (state !== 'running') throw new HubClosedError({ state, action });
  }

  #report(error: unknown): void {
    this.#errors.note(error);
    if (this.#isReporting || !this.#listeners.has('error')) {
      warn(error);
      return;
    }
    // what an error listener leads to, or throws, has no other way to go
    this.#isReporting = true;
    this.#listeners.emit('error', error, warn);
    this.#isReporting = false;
  }
}

function warn(error: unknown): void {
  process.emitWarning(asError(error));
}
