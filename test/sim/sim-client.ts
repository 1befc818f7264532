import { z } from 'zod';
import { connect as connectBytes } from '../../src/bytes/index.ts';
import { connect as connectChunks } from '../../src/chunks/index.ts';
import { connect, type ConnectOptions } from '../../src/client/index.ts';
import { defineThread } from '../../src/define/index.ts';
import { values } from '../../src/values/index.ts';
import { userScope } from '../../src/actors/support/id-scope.ts';
import { simCodec } from './contents.ts';
import { bytesOf, filled } from './fillers.ts';
import { Dice } from './dice.ts';
import type { EventNetwork } from './event-network.ts';
import type { Ledger } from './ledger.ts';
import type { PageLine } from './page-line.ts';
import type { PromisedLine } from './promised-line.ts';
import { NodeClock } from './node-clock.ts';
import { OldClient } from './old-client.ts';
import type { PageClient } from './page-client.ts';
import { Reading } from './reading.ts';
import { FakeWebSocket } from '../../src/testing/index.ts';
import type { Schedule } from './schedule.ts';
import type { SimClock } from './sim-clock.ts';
import { SimLatency } from './sim-latency.ts';
import type { SimNode } from './sim-node.ts';
import { SsePage } from './sse-page.ts';

export interface SimClientWorld {
  readonly clock: SimClock;
  readonly ledger: Ledger;
  readonly dice: Dice;
  /** The schedule has faults. */
  readonly mayHaveGaps: boolean;
  /** The node that the network leads this client to; undefined where none answers. */
  connect(client: SimClient, socket: FakeWebSocket, url: string): PromisedLine | undefined;
  isAllowed(userId: string, threadId: string): boolean;
  readonly schedule: Schedule;
  /** Any node. */
  pick(): SimNode;
  /** The hub of a node has a connection of this client's page. */
  accepted(client: SimClient, connectionId: string, page: object): void;
  /** Requests to this host go there. */
  serve(host: string, network: EventNetwork): void;
}

/** A page with the real client, which may crash and come back with the positions it has kept. */
export class SimClient {
  readonly #index: number;
  readonly name: string;
  readonly userId: string;
  readonly latency: SimLatency;
  line: PageLine | undefined;
  /** Of its newest connection. */
  connectionId: string | undefined;
  #kicks = 0;
  readonly #build: (typeof BUILDS)[number];
  readonly #world: SimClientWorld;
  readonly #readings = new Map<string, Reading>();
  /** By the id of a message of several threads: the one in which it was given it. */
  #shared = new Map<string, string>();
  /** What it has published last. */
  #last: { readonly threadId: string; readonly number: number; readonly content: Content } | undefined;
  #clock: NodeClock;
  #client: PageClient;
  #ids = 0;
  #lives = 0;
  /** Where its requests are cut, delayed and repeated. */
  #dice: Dice | undefined;
  /** If it uses Server-Sent Events. */
  #sse: SsePage | undefined;
  /** Numbers of its publishes that the server has not answered. */
  readonly #unanswered = new Set<number>();

  constructor(index: number, userId: string, world: SimClientWorld) {
    this.#index = index;
    this.name = `client${index}`;
    this.userId = userId;
    this.#world = world;
    this.latency = new SimLatency(world.dice.pick([1, 20, 150]), world.dice.random);
    const build = world.dice.pick(BUILDS);
    // 0.1 knows only WebSockets
    this.#build = build === 'old' && world.schedule.sse?.[index] !== undefined ? 'plain' : build;
    this.#clock = new NodeClock(world.clock);
    this.#client = this.#connect();
  }

  /** Another one after each crash. */
  get page(): object {
    return this.#clock;
  }

  get readings(): Iterable<Reading> {
    return this.#readings.values();
  }

  reading(threadId: string): Reading | undefined {
    return this.#readings.get(threadId);
  }

  join(threadId: string, from?: string): void {
    if (this.#readings.has(threadId)) return;
    const handle = this.#client.join(threadId, from === undefined ? {} : { from });
    const { ledger, mayHaveGaps } = this.#world;
    const isAllowed = this.#world.isAllowed(this.userId, threadId);
    const reading: Reading = new Reading(handle, ledger, this.name, {
      mayHaveGaps,
      scope: userScope(this.userId),
      isOld: this.#build === 'old',
      shared: this.#shared,
      mayBeRefused: () => this.#kicks > 0 || !isAllowed,
      onLeft: () => {
        ledger.note('left');
        reading.isOver = true;
        if (this.#readings.get(threadId) === reading) this.#readings.delete(threadId);
      },
    });
    this.#readings.set(threadId, reading);
  }

  leave(threadId: string): void {
    const reading = this.#readings.get(threadId);
    if (reading === undefined) return;
    reading.isOver = true;
    reading.handle.leave();
    this.#readings.delete(threadId);
  }

  /** The application is about to remove it from a thread. */
  noteKick(): void {
    this.#kicks++;
  }

  /**
   * What the server accepts is in the log.
   * @param mustSucceed all faults are over: the server has to answer
   */
  publish(threadId: string, number: number, content: Content, mustSucceed = false): void {
    const { ledger } = this.#world;
    const clock = this.#clock;
    const isAllowed = this.#world.isAllowed(this.userId, threadId);
    const id = `${this.name}-p${number}`;
    this.#unanswered.add(number);
    this.#last = { threadId, number, content };
    const isBytes = content.isBytes === true && this.#build === 'bytes';
    const data = isBytes ? bytesOf(number, content.size) : filled(number, content.size);
    this.#client.publish(threadId, data, { id }).then(
      ({ data }) => {
        if (isBytes) ledger.note('published bytes');
        this.#unanswered.delete(number);
        ledger.note('published');
        if (data !== undefined) ledger.answered(id, JSON.stringify(data));
        if (!isAllowed) ledger.complain(`${this.name}: ${number} was accepted from one who is not allowed`);
        if (!ledger.hasNumber(number)) ledger.complain(`${this.name}: ${number} was accepted and is not in the log`);
      },
      (error: unknown) => {
        this.#unanswered.delete(number);
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        const isRefused = code === 'TC_PUBLISH_REFUSED' && error instanceof Error && 'reason' in error;
        // a page knows the limit; a client of 0.1 does not
        const isTooLarge =
          content.size > 60_000 &&
          (code === 'TC_MESSAGE_TOO_LARGE' || (isRefused && error.reason === 'TC_MESSAGE_TOO_LARGE'));
        if (isTooLarge) ledger.note('publish too large');
        const isForbidden = isRefused && error.reason === 'forbidden' && !isAllowed;
        // the answer of its first attempt was in a log that is lost, and its thread erased meanwhile
        const isLate = (code === 'TC_PUBLISH_TIMEOUT' || isRefused) && !mustSucceed;
        const isFair = isTooLarge || isLate || isForbidden || code === 'TC_CLIENT_CLOSED' || clock.isDead;
        if (!isFair) ledger.complain(`${this.name}: publish ${number}: ${String(error)}`);
      },
    );
  }

  /** Publishes its last message again. */
  repeat(): void {
    if (this.#last === undefined) return;
    const { threadId, number, content } = this.#last;
    this.publish(threadId, number, content);
  }

  older(threadId: string): void {
    this.#readings.get(threadId)?.older();
  }

  setValue(
    threadId: string,
    key: string,
    number: number,
    options: { ttlMs: number | undefined; owned: boolean },
  ): void {
    const values = this.#readings.get(threadId)?.handle.values;
    const { ledger } = this.#world;
    values?.set(key, { v: number }, options).then(
      () => ledger.note('client value'),
      (error: unknown) =>
        ledger.note(`client value ${error instanceof Error && 'code' in error ? String(error.code) : ''}`),
    );
  }

  /** All is well with its network from now on. */
  heal(): void {
    this.latency.heal();
    this.line?.cutAfter(Infinity);
    this.line?.resume();
    this.#sse?.network.heal();
  }

  /** What it does not have, and should have now that everything is quiet. */
  missing(): readonly string[] {
    const open = this.line?.isWhole === true ? [] : [`${this.name} has no connection`];
    const unanswered = [...this.#unanswered].map((number) => `${this.name}: publish ${number} has no answer`);
    const late = this.line?.isLate === true ? [`${this.name} has no close code`] : [];
    return [...open, ...late, ...unanswered, ...[...this.#readings.values()].flatMap((reading) => reading.missing())];
  }

  /** The tab is gone; another one goes on from the positions that the page had stored. */
  crash(): void {
    const positions = [...this.#readings].map(([threadId, { handle }]) => [threadId, handle.position] as const);
    this.line?.cut();
    this.#clock.crash();
    this.#readings.clear();
    this.#unanswered.clear();
    this.#shared = new Map();
    this.#last = undefined;
    this.#clock = new NodeClock(this.#world.clock);
    this.#client = this.#connect();
    for (const [threadId, position] of positions) this.join(threadId, position);
  }

  close(): void {
    this.#client.close();
    this.#last = undefined;
  }

  /** A while after `close`: complains of what has not come to its end. */
  assertOver(): void {
    const { ledger } = this.#world;
    if (this.line?.isWhole === true) ledger.complain(`${this.name} is closed, and its line is not`);
    for (const number of this.#unanswered) ledger.complain(`${this.name} is closed, and publish ${number} waits`);
    for (const reading of this.#readings.values()) reading.assertOver();
    this.#readings.clear();
  }

  #connect(): PageClient {
    const world = this.#world;
    const clock = this.#clock;
    const { latency } = this;
    this.#lives++;
    const sse = this.#ssePage(clock);
    this.#sse = sse;
    const network = {
      clock: world.clock,
      get latencyMs(): number {
        return latency.ms;
      },
      connect: (socket: FakeWebSocket, url: string): PromisedLine | undefined => {
        if (clock.isDead || sse?.isBlocked === true) return undefined;
        const line = world.connect(this, socket, url);
        this.line = line;
        return line;
      },
    };
    const options = {
      // not a class of its own: V8 would forget what it has compiled with each client
      WebSocket: FakeWebSocket.bind(undefined, network),
      clock,
      token: () => 'fresh',
      values,
      random: world.dice.random,
      newId: () => `${this.name}-${++this.#ids}`,
      backoff: { minMs: 100, maxMs: 2_000 },
      connectTimeoutMs: 3_000,
      publishTimeoutMs: 20_000,
      transports: sse?.transports ?? [],
    };
    const client =
      this.#build === 'old' ? new OldClient({ network, clock, random: world.dice.random }) : this.#open(options);
    // the user signs in again
    client.on('signIn', () => {
      world.ledger.note('signed out');
      clock.nextTurn(() => this.crash());
    });
    client.on('error', (error) => {
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
      if (code === 'TC_PUBLISH_TIMEOUT') return;
      world.ledger.note(`client error ${String(code)}`);
      if (code === undefined || code === 'TC_MALFORMED_FRAME') world.ledger.complain(`${this.name}: ${String(error)}`);
    });
    return client;
  }

  #ssePage(clock: NodeClock): SsePage | undefined {
    const world = this.#world;
    const { seed, sse, faults } = world.schedule;
    const use = sse?.[this.#index];
    if (use === undefined) return undefined;
    const page = new SsePage(use, {
      clock: world.clock,
      // of its own: the other clients' chances stay as they are
      dice: (this.#dice ??= new Dice(seed ^ (0x5e5e + this.#index))),
      ledger: world.ledger,
      latency: this.latency.next,
      faults,
      userId: this.userId,
      pick: () => world.pick(),
      onLine: (line) => (this.line = line),
      isDead: () => clock.isDead,
      complain: (what) => world.ledger.complain(`${this.name}: ${what}`),
      accepted: (id) => world.accepted(this, id, clock),
    });
    world.serve(this.#host, page.network);
    return page;
  }

  get #host(): string {
    return `${this.name}-${this.#lives}.test`;
  }

  #open(options: ConnectOptions): PageClient {
    const url = `ws://${this.#host}/`;
    if (this.#build === 'plain') return connect(url, options);
    return this.#build === 'bytes'
      ? connectBytes(url, options)
      : connectChunks(url, { ...options, threads: [THREADS] });
  }
}

/** Builds of the client, and one of 0.1. */
const BUILDS = ['plain', 'bytes', 'chunks', 'old'] as const;

const THREADS = defineThread('thread*', { message: z.unknown(), streams: { simCodec } });

/** What a client publishes. */
interface Content {
  readonly size: number;
  /** As bytes, if its build knows them. */
  readonly isBytes?: boolean;
}
