import type { Entry } from '../../api/entry.ts';
import type { LogTail } from '../../api/log.ts';
import type { DeliveryExceptions } from './delivery-exceptions.ts';
import type { Subscription } from './subscription.ts';

/** Counts what the fan-out does with one sent message, from the log to the receipt. */
export class FanOutTally {
  readonly entry: Entry;
  /** How the message was serialized. */
  readonly strategy: string;
  /** The epoch of the log that the message is in. */
  readonly epoch: string;
  readonly isDuplicate: boolean;
  readonly exceptions: DeliveryExceptions;
  /** The live set of the thread's members. */
  readonly members: ReadonlySet<Subscription>;
  readonly #done: (publication: FanOutTally) => void;
  #strangers = 0;
  #lastSerial = Infinity;
  recipients = 0;
  written = 0;
  /** Members that have not received it yet and still have to. */
  behind: Subscription[] = [];
  /** Members that were busy when a volatile message was offered. */
  readonly droppedFor: Subscription[] = [];
  /** The log had already dropped the entry when its fan-out ended, so single members do not know whether they received it. */
  isLost = false;

  constructor(
    facts: {
      entry: Entry;
      strategy: string;
      epoch: string;
      isDuplicate: boolean;
      exceptions: DeliveryExceptions;
      members: ReadonlySet<Subscription>;
    },
    done: (publication: FanOutTally) => void,
  ) {
    this.entry = facts.entry;
    this.strategy = facts.strategy;
    this.epoch = facts.epoch;
    this.isDuplicate = facts.isDuplicate;
    this.exceptions = facts.exceptions;
    this.members = facts.members;
    this.#done = done;
  }

  get dropped(): number {
    return Math.max(0, this.recipients - this.written - this.behind.length);
  }

  /** Whether this member is a recipient: it had joined, and its join did not already include the entry. */
  isFor(member: Subscription): boolean {
    return member.serial <= this.#lastSerial && (this.entry.offset === 0 || member.startedAt < this.entry.offset);
  }

  /** Whether the entry has not been fully written to this member yet, but still may be. */
  isMissedBy(member: Subscription): boolean {
    return !member.hasPassed(this.entry) || member.isWriting(this.entry) || this.exceptions.isCut(member.subscriber);
  }

  /** Does not count this member. It joined after the entry was logged: it reads the entry from the log, or did not ask for it. */
  skip(member: Subscription): void {
    if (!this.isFor(member)) this.#strangers++;
  }

  /** The fan-out begins. A volatile entry is in no log, so only present members are its recipients. */
  begin(lastSerial: number): void {
    if (this.entry.offset === 0) this.#lastSerial = lastSerial;
  }

  /** The fan-out has visited that many connections. A connection that joins from now on is no recipient. */
  finish(visited: number, lastSerial: number, tail: LogTail): void {
    const { entry } = this;
    if (entry.offset > 0) this.#lastSerial = lastSerial;
    this.isLost = entry.offset > 0 && tail.at(entry.offset) !== entry;
    // some have received it since they were visited
    this.behind = this.behind.filter((member) => this.isMissedBy(member));
    this.written = this.isDuplicate ? 0 : entry.writes;
    // some received it by a catch-up and left before they were visited
    this.recipients = Math.max(visited - this.#strangers, this.written + this.behind.length);
    if (!this.isDuplicate) entry.isOffered = true;
    // a duplicate shares the entry of the first send, which releases it
    if (entry.lane === 'volatile' && !this.isDuplicate) entry.release();
    this.#done(this);
  }
}
