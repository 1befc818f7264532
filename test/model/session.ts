import type { Connection, Hub, Outcome } from '../../src/index.ts';
import type { ClientModel } from './client-model.ts';
import type { Ledger } from './ledger.ts';
import type { ModelClock } from './model-clock.ts';
import { RecordingLink } from './recording-link.ts';
import { SubscriptionModel, type ExpectedJoin } from './subscription-model.ts';
import { readPosition, wordsOf, type Word } from './wire.ts';

/** What a session needs to know of the world it is in. */
export interface SessionWorld {
  readonly hub: Hub;
  readonly clock: ModelClock;
  readonly ledger: Ledger;
  readonly mostUnsent: number;
  readonly tickMs: number;
}

/** A join that the client has asked for. */
class PendingJoin {
  readonly #plan: (() => ExpectedJoin) | undefined;
  readonly #head: () => number;
  #startedAt: number | undefined;
  #expected: ExpectedJoin | undefined;

  constructor(plan: (() => ExpectedJoin) | undefined, head: () => number) {
    this.#plan = plan;
    this.#head = head;
  }

  /** The model can tell how it will be answered, because that happens at once. */
  get isExact(): boolean {
    return this.#plan !== undefined;
  }

  /** The newest offset when the subscription began: receipts count it for what comes later. */
  get startedAt(): number {
    return (this.#startedAt ??= this.#head());
  }

  /** As the log stands now, or stood when this was first asked: the word `joined` may be written later. */
  resolve(): ExpectedJoin | undefined {
    this.#startedAt ??= this.#head();
    return (this.#expected ??= this.#plan?.());
  }
}

/** One connection of one client, and what the model says of it. */
export class Session {
  readonly client: ClientModel;
  readonly link: RecordingLink;
  readonly connection: Connection;
  readonly #world: SessionWorld;
  readonly #subscriptions = new Map<string, SubscriptionModel>();
  readonly #joins = new Map<string, PendingJoin[]>();
  readonly #forgets = new Map<string, boolean[]>();
  /** By thread, of the subscription whose `joined` was written last, and of the one that was made last. */
  readonly #startedAt = new Map<string, number>();
  /** The threads where it began at the newest entry. */
  readonly #live = new Set<string>();
  readonly #latest = new Map<string, PendingJoin>();
  /** A gap that has to follow the word `joined`, or may, where the model cannot tell. */
  #owed: { th: string; pos: string; why: string | undefined } | undefined;
  #isAccepted = false;
  /** As the application was told. */
  #end: { readonly code: number } | undefined;
  /** Messages that its socket has been given to their end, by when; and those that its peer has. */
  readonly #handed = new Map<string, number>();
  readonly #held = new Set<string>();
  readonly #volatile = new Set<string>();

  constructor(client: ClientModel, world: SessionWorld) {
    this.client = client;
    this.#world = world;
    const watch = {
      onWord: (word: Word): void => this.#onWord(word),
      onWhole: (word: Word): void => this.#onWhole(word),
      onViolation: (what: string): void => this.#complain(what),
      mayWrite: (): boolean => this.#mayWrite(),
    };
    this.link = new RecordingLink(watch, world.mostUnsent);
    this.connection = world.hub.accept(this.link.attach, { authorize: () => true });
    this.#isAccepted = true;
    this.connection.on('evicted', (end) => {
      this.#end = end;
    });
  }

  get isLive(): boolean {
    return this.connection.state !== 'evicted' && !this.link.isClosed;
  }

  subscription(thread: string): SubscriptionModel | undefined {
    return this.#subscriptions.get(thread);
  }

  /** A join of this kind would be answered in a way that the model can follow. */
  canJoin(thread: string, isExact: boolean, isAgain: boolean): boolean {
    const pending = this.#joins.get(thread) ?? [];
    const isClear = isExact ? pending.every((join) => join.isExact) : pending.length === 0;
    return isClear && (isAgain || !this.connection.threads.includes(thread));
  }

  /** The client has asked to join. */
  expectJoin(thread: string, plan: (() => ExpectedJoin) | undefined, forgets: boolean): PendingJoin {
    const join = new PendingJoin(plan, () => this.#world.ledger.current(thread)?.head ?? 0);
    this.#latest.set(thread, join);
    pushTo(this.#joins, thread, join);
    pushTo(this.#forgets, thread, forgets);
    return join;
  }

  /** The client reads what has arrived. */
  read(): void {
    for (const text of this.link.received.splice(0)) {
      for (const word of wordsOf(text)) {
        if (word.t === 'joined' && this.#forgets.get(word.th)?.shift() === true) this.client.forget(word.th);
        this.client.take(word);
        if (word.t === 'msg') this.#held.add(keyOf(word.th, word.o, word.id));
      }
    }
  }

  /** However it ended, it has been given everything before. */
  assertGivenAll(thread: string): void {
    const subscription = this.#subscriptions.get(thread);
    const missing = subscription?.missing(subscription.log.head, this.#world.clock.peek()) ?? [];
    if (missing.length > 0) this.#complain(`ended without ${thread} ${missing.join()}`);
  }

  /** Nothing holds it back, so it must have got everything. */
  assertCurrent(): void {
    const { isClosed, isStalled, isBroken, wasCut, closeCode } = this.link;
    if (this.connection.state === 'evicted' && !isStalled && !isBroken) {
      if (!isClosed) this.#complain('was not told that it has ended');
      else if (!wasCut && closeCode !== this.#end?.code)
        this.#complain(`was told ${closeCode}, and ended with ${this.#end?.code}`);
    }
    if (this.connection.state !== 'open' || this.link.isStalled || !this.isLive) return;
    for (const thread of this.connection.threads) {
      const subscription = this.#subscriptions.get(thread);
      if (subscription === undefined) return this.#complain(`never told that it is in ${thread}`);
      const { log } = subscription;
      const missing = subscription.missing(log.head, this.#world.clock.peek());
      if (missing.length > 0) this.#complain(`takes everything, and is without ${thread} ${missing.join()}`);
    }
    if (this.#owed?.why !== undefined) this.#complain(`was not told of a gap ${this.#owed.why}`);
  }

  /** Whether the receipt of what has just been logged at this offset is to count it. */
  isRecipient(thread: string, offset: number): boolean {
    const { state, threads } = this.connection;
    return (
      state !== 'evicted' && threads.includes(thread) && (this.#latest.get(thread)?.startedAt ?? Infinity) < offset
    );
  }

  /** What a receipt says of this connection is what its socket, and its peer, know. */
  checkOutcome(outcome: Outcome, thread: string, offset: number, id: string): void {
    // what of a broken link's bytes has gone where, nobody knows
    if (this.link.isBroken) return;
    this.read();
    const key = keyOf(thread, offset, id);
    this.#world.ledger.note(`outcome ${outcome}`);
    const isHanded = outcome === 'written' || outcome === 'acked';
    const { clock, tickMs } = this.#world;
    // it was behind when the time was up, and has been written in the same turn
    const isLate = outcome === 'behind' && (this.#handed.get(key) ?? -Infinity) >= clock.peek() - 100 * tickMs;
    if (this.#handed.has(key) !== isHanded && !isLate)
      this.#complain(`${key} is ${outcome}, handed over: ${!isHanded}`);
    if (outcome === 'acked' && !this.#held.has(key)) this.#complain(`${key} is acked, and its client does not have it`);
  }

  #onWhole(word: Word): void {
    if (word.t !== 'msg') return;
    this.#handed.set(keyOf(word.th, word.o, word.id), this.#world.clock.peek());
    this.#world.ledger.onWhole(word, word.o === 0 || word.o > (this.#startedAt.get(word.th) ?? Infinity));
  }

  #mayWrite(): boolean {
    // the first word, `hello`, is written before `accept` returns; and what has begun goes on to its end when it has left all threads
    return !this.#isAccepted || this.connection.state === 'open' || !this.#isMember;
  }

  get #isMember(): boolean {
    const { hub } = this.#world;
    return this.connection.threads.some((thread) => hub.thread(thread).members.includes(this.connection));
  }

  #onWord(word: Word): void {
    const { ledger } = this.#world;
    if (this.#isAccepted && this.connection.state !== 'open' && (word.t === 'msg' || word.t === 'part')) {
      this.#complain(`begins after its end: ${JSON.stringify(word)}`);
    }
    if (word.t === 'joined') ledger.note('joined');
    if (word.t === 'gap') ledger.note(`gap ${word.why}`);
    if (word.t === 'part') ledger.note(word.n === 0 ? 'in parts' : 'part');
    if (word.t === 'msg') ledger.note(word.o === 0 ? 'volatile' : word.isAhead ? 'ahead' : 'in order');
    const owed = this.#owed;
    this.#owed = undefined;
    const isPaid = owed !== undefined && word.t === 'gap' && word.th === owed.th && word.pos === owed.pos;
    if (owed?.why !== undefined && (!isPaid || word.why !== owed.why)) {
      this.#complain(`owes a gap ${owed.why} at ${owed.pos}, and says ${JSON.stringify(word)}`);
    }
    if (word.t === 'joined') this.#onJoined(word);
    else if (word.t === 'gap' && !isPaid) this.#onGap(word);
    else if (word.t === 'msg') this.#onMessage(word);
  }

  #onGap({ th, why, pos }: Word & { t: 'gap' }): void {
    const subscription = this.#subscriptions.get(th);
    const isLive = this.#live.has(th);
    // nothing is trimmed that has not been offered
    if (isLive && !this.link.hasWaited) this.#complain(`gap ${pos}, and it has always taken everything`);
    subscription?.onGap(why, pos);
  }

  #onJoined({ th, pos, recovered }: Word & { t: 'joined' }): void {
    const join = this.#joins.get(th)?.shift();
    if (join === undefined) return this.#complain(`joined ${th} unasked`);
    const { epoch, offset } = readPosition(pos);
    const expected = join.resolve();
    if (expected !== undefined) {
      const isRight = expected.offset === offset && expected.recovered === recovered;
      if (!isRight) this.#complain(`joined ${pos} +${recovered}, not ${expected.offset} +${expected.recovered}`);
    }
    if (expected === undefined || expected.why !== undefined) this.#owed = { th, pos, why: expected?.why };
    this.#startedAt.set(th, join.startedAt);
    if (join.isExact && join.startedAt === offset) this.#live.add(th);
    else this.#live.delete(th);
    const { ledger } = this.#world;
    const complain = (what: string): void => this.#complain(`${th}: ${what}`);
    this.#subscriptions.set(
      th,
      new SubscriptionModel(ledger.logOf(epoch), offset, complain, (what) => ledger.note(what)),
    );
  }

  #onMessage(message: Word & { t: 'msg' }): void {
    this.#world.ledger.onWritten(message);
    if (message.o === 0) {
      const key = keyOf(message.th, 0, message.id);
      if (this.#volatile.has(key)) this.#complain(`volatile ${key} twice`);
      this.#volatile.add(key);
      return;
    }
    const subscription = this.#subscriptions.get(message.th);
    if (subscription === undefined) return this.#complain(`${message.th} ${message.o} before joined`);
    const now = this.#world.clock.peek();
    subscription.onMessage(message, now, now - 100 * this.#world.tickMs);
  }

  #complain(what: string): void {
    this.#world.ledger.complain(`${this.client.name} (${this.link.isStalled ? 'stalled' : 'takes'}): ${what}`);
  }
}

const keyOf = (thread: string, offset: number, id: string): string => `${thread} ${offset} ${id}`;

function pushTo<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
