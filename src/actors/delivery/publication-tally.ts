import type { Strategy } from '../../api/receipt.ts';
import type { DeliveryTally, Entry } from '../../api/entry.ts';
import type { LogTail } from '../../api/log.ts';
import type { Subscription } from './subscription.ts';

const NONE: ReadonlySet<object> = new Set();

/** What is known of a publication once the log has answered. */
interface Logged {
  readonly entry: Entry;
  /** The epoch of the log that the message is in. */
  readonly epoch: string;
  readonly isDuplicate: boolean;
}

/** Who gets a publication. */
interface Audience {
  /** The live set of the thread's members. */
  readonly members: ReadonlySet<Subscription>;
}

/**
 * The one account of a sent message: the receipt, the publish span and `settled()` read it. It begins before the message is logged: a
 * shared log may deliver the entry, and a connection may skip it, before the sender has the answer.
 *
 * The entry holds it until the fan-out is over. Nearly always no connection is behind then, and the entry drops it. Otherwise the entry keeps
 * a weak reference, because the log lives longer than most receipts: a stalled connection must not cost memory for each message.
 */
export class PublicationTally implements DeliveryTally {
  /** How the message was serialized. */
  readonly strategy: Strategy;
  readonly #audience: Audience;
  readonly #done: (tally: PublicationTally) => void;
  #logged: Logged | undefined;
  #isOver = false;
  #strangers = 0;
  #lastSerial = Infinity;
  recipients = 0;
  /** Recipients that the message was written to before the fan-out was over. */
  written = 0;
  /** The log had already dropped the entry when its fan-out ended, so single members do not know whether they received it. */
  isLost = false;
  // the lists and sets are made when they are needed: most messages have no exceptions
  #behind: Subscription[] | undefined;
  #droppedFor: Subscription[] | undefined;
  #late: Set<object> | undefined;
  #skipped: Set<object> | undefined;
  #passedOver: Set<object> | undefined;
  #cut: Set<object> | undefined;

  /** @param done the fan-out is over */
  constructor(strategy: Strategy, audience: Audience, done: (tally: PublicationTally) => void) {
    this.strategy = strategy;
    this.#audience = audience;
    this.#done = done;
  }

  /** The live set of the thread's members. */
  get members(): ReadonlySet<Subscription> {
    return this.#audience.members;
  }

  get entry(): Entry {
    return this.#known.entry;
  }

  get epoch(): string {
    return this.#known.epoch;
  }

  get isDuplicate(): boolean {
    return this.#known.isDuplicate;
  }

  get #known(): Logged {
    if (this.#logged === undefined) throw new Error('the message has not been logged');
    return this.#logged;
  }

  /** Members that have not received it yet and still have to. */
  get behind(): readonly Subscription[] {
    return this.#behind ?? [];
  }

  /** Members that were busy when a volatile message was offered. */
  get droppedFor(): readonly Subscription[] {
    return this.#droppedFor ?? [];
  }

  get dropped(): number {
    return Math.max(0, this.recipients - this.written - this.behind.length);
  }

  // --- the fan-out

  /** The log has answered. */
  logged(facts: Logged): void {
    this.#logged = facts;
  }

  /** The log has refused the message, or could not tell. Its entry may still arrive, but no caller waits for its receipt. */
  abandon(): void {
    this.#isOver = true;
  }

  /** Whether this member is a recipient: it is not excepted, it had joined, and its join did not already include the entry. */
  isFor(member: Subscription): boolean {
    const { offset } = this.entry;
    if (member.isExcepted(this.entry)) return false;
    return member.serial <= this.#lastSerial && (offset === 0 || member.startedAt < offset);
  }

  /** Whether the entry has not been fully written to this member yet, but still may be. */
  isMissedBy(member: Subscription): boolean {
    return !member.hasPassed(this.entry) || member.isWriting(this.entry) || this.isCut(member.subscriber);
  }

  /** Does not count this member, unless the entry is for it. It joined after the entry was logged: it reads the entry from the log, or did not ask for it. */
  skip(member: Subscription): void {
    if (!this.isFor(member)) this.#strangers++;
  }

  noteBehind(member: Subscription): void {
    (this.#behind ??= []).push(member);
  }

  noteDropped(member: Subscription): void {
    (this.#droppedFor ??= []).push(member);
  }

  /** The fan-out begins. A volatile entry is in no log, so only present members are its recipients. */
  begin(lastSerial: number): void {
    if (this.entry.offset === 0) this.#lastSerial = lastSerial;
  }

  /**
   * The fan-out has visited that many connections. A connection that joins from now on is no recipient.
   * @param tail undefined if this process has not opened the thread
   */
  finish(visited: number, lastSerial: number, tail: LogTail | undefined): void {
    const { entry, isDuplicate } = this;
    if (entry.offset > 0) this.#lastSerial = lastSerial;
    this.isLost = entry.offset > 0 && tail?.at(entry.offset) !== entry;
    // some have received it since they were visited
    this.#behind = this.#behind?.filter((member) => this.isMissedBy(member));
    // some received it by a catch-up and left before they were visited
    this.recipients = Math.max(visited - this.#strangers, this.written + this.behind.length);
    this.#isOver = true;
    // a duplicate shares the entry of the first send, which settles what becomes of it
    if (!isDuplicate) this.#leave(entry);
    this.#done(this);
  }

  #leave(entry: Entry): void {
    entry.isOffered = true;
    entry.tally = this.behind.length === 0 ? undefined : new LateTally(this);
    if (entry.lane === 'volatile') entry.release();
  }

  // --- what happens at single connections

  get isAwaited(): boolean {
    return !this.#isOver;
  }

  noteWritten(_reader: object, isRecipient: boolean): void {
    if (isRecipient && !this.#isOver) this.written++;
  }

  noteSkipped(reader: object, isRecipient: boolean): void {
    if (!this.#isOver) this.addSkipped(reader, isRecipient);
  }

  noteCut(reader: object): void {
    if (!this.#isOver) this.addCut(reader);
  }

  addLate(reader: object): void {
    (this.#late ??= new Set()).add(reader);
  }

  addSkipped(reader: object, isRecipient: boolean): void {
    (this.#skipped ??= new Set()).add(reader);
    if (isRecipient) (this.#passedOver ??= new Set()).add(reader);
  }

  addCut(reader: object): void {
    (this.#cut ??= new Set()).add(reader);
  }

  /** The message has been written to this connection after it was offered. */
  isLate(reader: object): boolean {
    return this.#late?.has(reader) === true;
  }

  /** This connection skipped the message because it was no longer worth delivering. An earlier subscription may have received it. */
  isSkipped(reader: object): boolean {
    return this.#skipped?.has(reader) === true;
  }

  /** This connection ended after only some pieces of the message were written. */
  isCut(reader: object): boolean {
    return this.#cut?.has(reader) === true;
  }

  /** This connection skipped the message with the subscription that it had when the message was logged. */
  isPassedOver(reader: object): boolean {
    return this.#passedOver?.has(reader) === true;
  }

  /** All connections for which `isPassedOver` is true. */
  get passedOver(): Iterable<object> {
    return this.#passedOver ?? NONE;
  }
}

/** After a fan-out that left members behind: tells the tally what becomes of them, as long as somebody holds the receipt. */
class LateTally implements DeliveryTally {
  readonly isAwaited = false;
  readonly #tally: WeakRef<PublicationTally>;

  constructor(tally: PublicationTally) {
    this.#tally = new WeakRef(tally);
  }

  noteWritten(reader: object): void {
    this.#tally.deref()?.addLate(reader);
  }

  noteSkipped(reader: object, isRecipient: boolean): void {
    this.#tally.deref()?.addSkipped(reader, isRecipient);
  }

  noteCut(reader: object): void {
    this.#tally.deref()?.addCut(reader);
  }
}
