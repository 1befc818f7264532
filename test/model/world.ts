import { createHub, memoryLog, type Hub, type Receipt, type SendOptions } from '../../src/index.ts';
import { ClientModel } from './client-model.ts';
import { Contents, type Content } from './contents.ts';
import { Ledger, type Sent } from './ledger.ts';
import { ModelClock } from './model-clock.ts';
import type { ModelRetention } from './model-log.ts';
import { Session } from './session.ts';
import { WatchedLog } from './watched-log.ts';
import { readPosition } from './wire.ts';

export interface WorldOptions {
  readonly retention: ModelRetention;
  /** How long one look at the clock takes: above zero, slices end in the middle. */
  readonly tickMs: number;
  /** The log answers with promises. */
  readonly isRemote: boolean;
  readonly maxCriticalBehind: number;
  readonly breakerThreshold: number;
  readonly retryDelaysMs: readonly number[];
  /** Connections that only listen, enough of them to fill more than one slice. */
  readonly crowd: number;
}

export const THREADS: readonly string[] = ['a', 'b'];
export const CLIENTS = 4;
const HIGH_WATER_MARK = 256 * 1024;
const FRAGMENT_AND_HEADERS = 256 * 1024 + 256;

/** A hub with its clients, and the model of what they are to receive. */
export class World {
  readonly clock: ModelClock;
  readonly hub: Hub;
  readonly ledger: Ledger;
  readonly log: WatchedLog;
  readonly mostUnsent = HIGH_WATER_MARK + FRAGMENT_AND_HEADERS;
  readonly tickMs: number;
  readonly clients: readonly ClientModel[];
  /** By client, the connection that it has now. */
  readonly sessions = new Map<ClientModel, Session>();
  readonly #isRemote: boolean;
  readonly #past: Session[] = [];
  readonly #contents = new Contents();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #errors: unknown[] = [];
  #fresh: Sent[] = [];
  #nextId = 0;
  /** The model knows who counts as a recipient. */
  #isExact: boolean;
  #isEnding = false;

  constructor({ retention, tickMs, isRemote, crowd, ...options }: WorldOptions) {
    this.tickMs = tickMs;
    this.#isRemote = isRemote;
    this.#isExact = !isRemote;
    const clock = new ModelClock(tickMs);
    const ledger = new Ledger(() => clock.peek(), retention, tickMs > 0);
    const newId = (): string => `i${++this.#nextId}`;
    const log = new WatchedLog(memoryLog({ ...retention, clock, newEpoch: newId }), ledger, isRemote, clock);
    this.log = log;
    this.clock = clock;
    this.ledger = ledger;
    this.hub = createHub({ ...options, clock, newId, log, highWaterMarkBytes: HIGH_WATER_MARK, threadIdleMs: 20_000 });
    this.hub.on('transition', ({ machine, to }) => ledger.note(`${machine} ${to}`));
    this.hub.on('error', (error) => this.#errors.push(error));
    this.clients = Array.from({ length: CLIENTS + crowd }, (_, i) => {
      return new ClientModel(`client ${i}`, i % 2 === 0, (what) => ledger.complain(what));
    });
    for (const client of this.clients.slice(CLIENTS)) {
      const session = this.connect(client);
      for (const thread of THREADS) this.join(session, thread, undefined, false);
    }
  }

  // --- what the clients do

  connect(client: ClientModel): Session {
    const known = this.sessions.get(client);
    if (known?.isLive === true) return known;
    // what had arrived before its line broke, it has
    known?.read();
    if (known !== undefined) this.#past.push(known);
    const session = new Session(client, this);
    this.sessions.set(client, session);
    return session;
  }

  join(session: Session, thread: string, from: string | undefined, isByWire: boolean): void {
    const isExact = !isByWire && !this.#isRemote;
    if (!session.isLive || !session.canJoin(thread, isExact, isByWire)) return;
    session.read();
    if (!isExact) this.#isExact = false;
    const { client, connection, link } = session;
    const plan = isExact ? () => this.ledger.expectJoin(thread, from) : undefined;
    // what is still on its way of an earlier subscription comes again
    const isAgain = connection.threads.includes(thread);
    const forgets = isAgain || from === undefined || from !== client.position(thread) || link.unsentBytes > 0;
    if (isAgain) this.ledger.note('joined again');
    const join = session.expectJoin(thread, plan, forgets);
    const parts = isAgain ? { parts: client.takesParts } : client.partsRequest(thread);
    if (isByWire) link.say({ t: 'join', th: thread, from, ...parts });
    else this.#track(connection.join(thread, { from }));
    join.resolve();
  }

  breakLink({ link }: Session): void {
    link.isBroken = true;
    this.#isExact = false;
  }

  // --- what the application does

  send(thread: string, content: Content, options: SendOptions): void {
    const number = ++this.#nextId;
    const id = options.idempotencyKey ?? `m${number}`;
    const lane = options.lane ?? 'normal';
    const isPlain = lane !== 'volatile' && options.conflate === undefined && options.expiresInMs === undefined;
    const sent: Sent = { thread, id, number, lane, isPlain, recipients: undefined, receipt: undefined };
    // the memory of a volatile message can be seen only where the maker has it too
    const isBytes = lane === 'volatile' && content === 'small';
    const message = isBytes ? this.#contents.makeBytes(number) : this.#contents.make(content, number);
    const isOwn = options.idempotencyKey === undefined;
    if (isOwn) this.ledger.onSend(sent);
    if (isOwn && content !== 'gated') this.#fresh.push(sent);
    const work = this.hub.thread(thread).send(message, { ...options, idempotencyKey: id });
    this.#track(
      work.then((receipt) => {
        if (isOwn) this.ledger.onReceipt(sent, receipt, this.#isExact);
        for (const until of ['written', 'acked'] as const) this.#follow(thread, receipt, until);
      }),
    );
  }

  /** What a receipt says of each connection is true when it says it. */
  #follow(thread: string, receipt: Receipt, until: 'written' | 'acked'): void {
    const { id, position, isDuplicate, recipients } = receipt;
    const offset = position === undefined ? 0 : readPosition(position).offset;
    this.#track(
      receipt.settled({ until }).then(({ outcomes }) => {
        if (isDuplicate && (recipients > 0 || outcomes.size > 0)) this.ledger.complain(`${id} again, to ${recipients}`);
        for (const session of [...this.#past, ...this.sessions.values()]) {
          const outcome = outcomes.get(session.connection.id);
          if (outcome !== undefined) session.checkOutcome(outcome, thread, offset, id);
        }
      }),
    );
  }

  /** A message goes on whose source was waiting. */
  openGate(): void {
    this.#contents.openGate();
  }

  /** The turn's code is over: whoever is in the thread now is a recipient of what it has logged. */
  countRecipients(): void {
    const isKnown = this.#isExact && this.tickMs === 0;
    for (const sent of this.#fresh.splice(0)) {
      const entry = this.ledger.current(sent.thread)?.entries.find(({ id }) => id === sent.id);
      if (!isKnown || entry === undefined) continue;
      const sessions = [...this.sessions.values()];
      sent.recipients = sessions.filter((session) => session.isRecipient(sent.thread, entry.offset)).length;
    }
  }

  // --- looks

  /** Throws what has been found so far. */
  assertLawful(): void {
    for (const session of this.sessions.values()) session.read();
    const unexpected = this.#errors.filter((error) => !(error instanceof Error && error.message === 'broken link'));
    if (unexpected.length > 0) this.ledger.complain(`errors: ${unexpected.map(String).join()}`);
    const { violations } = this.ledger;
    if (violations.length > 0) throw new Error(violations.slice(0, 5).join('\n'));
  }

  /** To be called when nothing is left to do at this instant. */
  assertCurrent(): void {
    for (const session of this.sessions.values()) session.assertCurrent();
    this.assertLawful();
  }

  // --- the end

  /** Every peer takes everything again and those who had gone come back: each must have got all of it. */
  async reunite(): Promise<void> {
    this.log.isLost = false;
    while (this.#contents.openGate()) await this.clock.settle();
    for (const { link } of this.sessions.values()) {
      if (link.isBroken) link.hangUp();
      else link.resume();
    }
    await this.clock.advance(60_000);
    this.assertCurrent();
    for (const client of this.clients) {
      const session = this.connect(client);
      for (const thread of THREADS) {
        const from = client.position(thread);
        if (from !== undefined) this.join(session, thread, from, false);
      }
    }
    await this.clock.settle();
    for (const { connection, client } of this.sessions.values()) {
      if (connection.state !== 'open') this.ledger.complain(`${client.name} takes everything, is ${connection.state}`);
    }
    this.assertCurrent();
    await Promise.all(this.#inFlight);
    await this.ledger.settleReceipts(this.#isExact, () => this.clock.settle());
    this.assertLawful();
  }

  /** A deploy while all lines are slow: what was accepted is delivered. */
  async drain(): Promise<void> {
    const sessions = [...this.sessions.values()].filter(({ isLive }) => isLive);
    for (const { link } of sessions) link.stall();
    for (const content of ['fragmented', 'small', 'single', 'small'] as const) this.send('a', content, {});
    await this.clock.settle();
    const drained = this.hub.drain();
    for (let i = 0; i < 24; i++) {
      await this.clock.advance(250);
      for (const { link } of sessions) link.take(300_000);
    }
    for (const session of sessions) session.assertGivenAll('a');
    await this.close(drained);
  }

  /** Nothing may be left. */
  async close(end: Promise<void>): Promise<void> {
    this.#isEnding = true;
    while (this.#contents.openGate()) await this.clock.settle();
    await this.clock.advance(20_000);
    await end;
    // a message that is followed to its end is looked at in the turns that come
    for (let turns = 0; this.#inFlight.size > 0 && turns < 100; turns++) await this.clock.settle();
    await Promise.all(this.#inFlight);
    const complain = (what: string): void => this.ledger.complain(`after close: ${what}`);
    for (const { link } of [...this.#past, ...this.sessions.values()]) {
      if (!link.isClosed || link.unsentBytes > 0) complain(`a link holds ${link.unsentBytes} bytes`);
    }
    const { connections, threads, state } = this.hub.stats();
    if (connections.total > 0 || threads > 0 || state !== 'stopped') complain(`${state}, ${threads} threads`);
    if (this.clock.pending > 0) complain(`${this.clock.pending} timers`);
    const kept = this.#contents.releaseAll() + this.ledger.bodies.filter(({ isAlive }) => isAlive).length;
    if (kept > 0) complain(`${kept} bodies are kept`);
    this.assertLawful();
  }

  #track(work: Promise<void>): void {
    const settled = work
      .catch((error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        // a source that gives nothing for five seconds
        if (code === 'TC_SERIALIZATION_TIMEOUT' || this.#isEnding) return;
        // it went while the log was asked
        if (code === 'TC_CONNECTION_CLOSED' && this.#isRemote) return;
        this.ledger.complain(`failed: ${String(error)}`);
      })
      .finally(() => this.#inFlight.delete(settled));
    this.#inFlight.add(settled);
  }
}
