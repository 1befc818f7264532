import { createHubOver } from '../../src/actors/hub/hub.ts';
import type { WindowBits } from '../../src/api/socket.ts';
import { LogUnavailableError, StreamLostError, type Clock, type Hub } from '../../src/index.ts';
import type { Caller } from './caller.ts';
import { ChartCheck } from './charts.ts';
import { ClientRules } from './client-rules.ts';
import { Dice } from './dice.ts';
import { EventLine } from './event-line.ts';
import type { Ledger } from './ledger.ts';
import type { PageLine } from './page-line.ts';
import { PromisedLine } from './promised-line.ts';
import { NodeClock } from './node-clock.ts';
import type { SimStore } from './sim-store.ts';
import type { Schedule } from './schedule.ts';
import { simDeflate } from './sim-deflate.ts';
import { SimDoor } from './sim-door.ts';
import { chunksIn, GrowingStream, textIn, type Growth } from './sim-stream.ts';
import { simWorkers } from './sim-workers.ts';
import type { FakeWebSocket } from '../../src/testing/index.ts';
import { TIMES } from './times.ts';

/** One process with a hub, which may crash, freeze, drain and start again. */
export class SimNode {
  readonly name: string;
  readonly #network: Clock;
  readonly #ledger: Ledger;
  readonly #schedule: Schedule;
  /** What workers, zlib and clients' windows leave to chance. */
  readonly #dice: Dice;
  readonly #spend: ((ms: number) => void) | undefined;
  #clock: NodeClock;
  #hub: Hub | undefined;
  #lines: PageLine[] = [];
  /** By the id of the connection, in this life. */
  #byConnection = new Map<string, PageLine>();
  /** Of earlier lives: what they said may still be on its way. */
  #former: PageLine[] = [];
  #lives = 0;
  readonly #rules: ClientRules;
  /** For requests, in this life. */
  #door: SimDoor | undefined;
  /** Calls of `drain` and `close` that have not resolved. */
  #ending = 0;
  /** Sends and streams of the application that have not. */
  #busy = 0;
  /** A life of it has ended within a message, whose memory all processes share here, and the dead one never gives back. */
  diedHolding = false;

  /** @param spend takes time of the network's clock while a callback runs */
  constructor(name: string, network: Clock, ledger: Ledger, schedule: Schedule, spend?: (ms: number) => void) {
    this.#spend = spend;
    this.name = name;
    this.#network = network;
    this.#ledger = ledger;
    this.#schedule = schedule;
    this.#dice = new Dice(schedule.seed ^ 0xdef1a7e);
    this.#rules = new ClientRules(name, schedule, this.#dice, ledger);
    this.#clock = new NodeClock(network);
    this.#clock.crash();
  }

  /** Where the process runs: the application's own code does not while it is frozen. */
  get hub(): Hub | undefined {
    const runs = !this.#clock.isDead && !this.#clock.isFrozen && this.#hub?.state === 'running';
    if (!runs) return undefined;
    this.#clock.enter();
    return this.#hub;
  }

  /** That of its present life. */
  get clock(): NodeClock {
    return this.#clock;
  }

  start(log: SimStore): void {
    if (!this.#clock.isDead) return;
    const clock = new NodeClock(this.#network, this.#spend);
    this.#clock = clock;
    this.#former.push(...this.#lines);
    this.#lines = [];
    this.#ending = 0;
    this.#busy = 0;
    const life = `${this.name}-${++this.#lives}`;
    let ids = 0;
    const { nodes, workers, zlib, maxMessageBytes, highWaterMarkBytes } = this.#schedule;
    const hub = createHubOver(
      {
        ...TIMES,
        clock,
        newId: () => `${life}-${++ids}`,
        log: log.of(clock, nodes > 1),
        development: false,
        // it is shared by all hubs of a process, of which a crashed one never gives it back
        nativeSender: false,
        maxMessageBytes,
        highWaterMarkBytes,
      },
      {
        openWorkers: simWorkers(clock, this.#dice, workers ?? 'well'),
        deflate: simDeflate(clock, this.#dice, zlib ?? 'well', (what) => this.#ledger.note(what)),
      },
    );
    hub.on('error', (error) => {
      // a drain may run out of time; the application has to hear of it
      const isLate = error instanceof StreamLostError && (hub.state !== 'running' || this.#ledger.mayBeAway);
      if (isLate) this.#ledger.note('stream lost');
      else if (error instanceof LogUnavailableError && this.#ledger.mayBeAway) this.#ledger.note('log unavailable');
      else this.#ledger.complain(`${life}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    });
    const charts = new ChartCheck((what) => this.#ledger.complain(`${life}: ${what}`));
    hub.on('transition', (transition) => {
      this.#ledger.note(`${transition.machine} ${transition.to}`);
      charts.examine(transition);
    });
    const lines = new Map<string, PageLine>();
    this.#byConnection = lines;
    hub.on('evicted', ({ connection, code }) => {
      this.#ledger.note('closed by the server');
      // 1006: the line broke
      if (code !== 1006) lines.get(connection.id)?.promise(code);
    });
    hub.on('connection', ({ id, data }) => {
      if (!(data instanceof EventLine)) return;
      lines.set(id, data);
      data.accepted(id);
    });
    this.#hub = hub;
    this.#door = undefined;
  }

  /** A client connects; undefined where no process answers. */
  connect(
    socket: FakeWebSocket,
    { userId, clientId, takesBytes, latency }: Caller,
  ): { line: PromisedLine; connectionId: string } | undefined {
    const { hub } = this;
    if (hub === undefined) return undefined;
    const complain = (what: string): void => this.#ledger.complain(`${userId} at ${this.name}: ${what}`);
    const { highWaterMarkBytes = 524_288 } = this.#schedule;
    const options = { clock: this.#network, process: this.#clock, latencyMs: latency, deflateWindow: this.#window() };
    const told = { complain, note: (what: string) => this.#ledger.note(what) };
    const line = new PromisedLine(socket, options, told, highWaterMarkBytes);
    const rules = this.#rules;
    const connection = hub.accept(line.attach, {
      ...rules.session(userId),
      clientId,
      takesBytes,
      authorize: (threadId) => rules.authorize(userId, threadId),
      reauthenticate: () => rules.reauthenticate(userId),
      onPublish: (message) => rules.onPublish(hub, message),
      onValue: () => true,
    });
    this.#lines.push(line);
    this.#byConnection.set(connection.id, line);
    return { line, connectionId: connection.id };
  }

  /** A client asks for events; false where no process answers. One that is frozen answers later. */
  openEvents(line: EventLine, url: string, userId: string): boolean {
    if (this.#clock.isDead || this.#hub === undefined) return false;
    this.#door ??= new SimDoor(this.#hub, this.#clock, this.#rules);
    this.#lines.push(line);
    this.#door.open(line, url, userId);
    return true;
  }

  /** Frames of a client; see `openEvents`. */
  post(url: string, body: string, cutAt: number | undefined, answer: (status: number) => void): boolean {
    if (this.#clock.isDead || this.#hub === undefined) return false;
    this.#door ??= new SimDoor(this.#hub, this.#clock, this.#rules);
    this.#door.post(url, body, cutAt, answer);
    return true;
  }

  #window(): WindowBits | undefined {
    return this.#schedule.zlib === undefined
      ? undefined
      : this.#dice.weighted([
          [1, undefined],
          [1, 9],
          [1, 15],
        ]);
  }

  /** The application removes a connection from a thread. */
  kick(connectionId: string, threadId: string): void {
    for (const connection of this.hub?.connections ?? [])
      if (connection.id === connectionId) connection.leave(threadId);
  }

  /** The application streams an answer, and dies with its process. */
  stream(threadId: string, number: number, growth: Growth): void {
    const { hub } = this;
    if (hub === undefined) return;
    const { isChunks } = growth;
    const stream = isChunks ? chunksIn(hub, threadId, number) : textIn(hub, threadId, number);
    this.#ledger.streams.begin(stream.id, number, isChunks);
    const growing = new GrowingStream(stream, number, growth, {
      clock: this.#clock,
      ledger: this.#ledger,
      during: (work) => this.during(work),
    });
    growing.begin();
  }

  freeze(): void {
    this.#clock.freeze();
  }

  /** All is well with it from now on. */
  heal(): void {
    this.#clock.costMs = 0;
    this.#clock.thaw();
  }

  /** Something takes long and lets nothing else run. */
  hold(ms: number): void {
    const clock = this.#clock;
    if (clock.isFrozen) return;
    clock.freeze();
    this.#network.setTimeout(() => clock.thaw(true), ms);
  }

  slow(costMs: number): void {
    this.#clock.costMs = costMs;
  }

  jump(ms: number): void {
    this.#clock.jump(ms);
  }

  thaw(): void {
    this.#clock.thaw();
  }

  /** @param isTold the machine's system resets the connections; a machine without power says nothing */
  crash(log: SimStore, isTold: boolean): void {
    if (this.#clock.isDead) return;
    this.#clock.crash();
    // a log of its own holds entries, too
    this.diedHolding ||= this.#schedule.isRedis === true;
    for (const { stats } of this.#hub?.connections ?? [])
      this.diedHolding ||= stats.behind > 0 || stats.unsentBytes > 0;
    log.forget(this.#clock);
    for (const line of this.#lines) line.crashNear(isTold);
  }

  /** The whole site has gone: what was on its way to the clients is lost, too. */
  wipe(log: SimStore): void {
    for (const line of [...this.#former, ...this.#lines]) line.cut(true);
    this.#former = [];
    this.crash(log, true);
  }

  drain(): void {
    const { hub } = this;
    if (hub !== undefined) this.#await(hub.drain({ timeoutMs: 1_000 }));
  }

  /** The application's work in this process. */
  get isBusy(): boolean {
    return !this.#clock.isDead && this.#busy > 0;
  }

  /** The application waits for it. */
  async during<T>(work: Promise<T>): Promise<T> {
    const clock = this.#clock;
    this.#busy++;
    try {
      return await work;
    } finally {
      if (clock === this.#clock) this.#busy--;
    }
  }

  #await(ended: Promise<void>): void {
    const clock = this.#clock;
    this.#ending++;
    ended.then(
      () => {
        if (clock === this.#clock) this.#ending--;
      },
      (error: unknown) => this.#ledger.complain(`${this.name}: ${String(error)}`),
    );
  }

  /** The process has ended by itself after a drain. */
  isDrained(): boolean {
    return !this.#clock.isDead && this.#hub?.state === 'stopped';
  }

  close(): void {
    const hub = this.#hub;
    if (hub !== undefined && !this.#clock.isDead) this.#await(hub.close());
  }

  /** A while after `close`: complains of what the hub still holds. */
  assertClosed(): void {
    const hub = this.#hub;
    if (hub === undefined || this.#clock.isDead) return;
    if (this.#ending > 0) this.#ledger.complain(`${this.name}: a close or drain has not ended`);
    if (this.#busy > 0) this.#ledger.complain(`${this.name}: ${this.#busy} calls of the application have not ended`);
    const { connections, threads, state } = hub.stats();
    if (connections.total > 0 || threads > 0 || state !== 'stopped') {
      this.#ledger.complain(`${this.name} is ${state} with ${connections.total} connections, ${threads} threads`);
    }
  }

  /** The log is closed, too: complains of memory that is still held. */
  assertEmpty(): void {
    const { segmentsInUse = 0 } = this.#clock.isDead ? {} : (this.#hub?.stats() ?? {});
    if (segmentsInUse > 0) this.#ledger.complain(`${this.name} holds ${segmentsInUse} segments`);
  }
}
