import type { LogTail } from '../../infra/log/delivery-log.ts';
import type { Entry } from '../../infra/log/entry.ts';
import type { DeliveryExceptions } from './delivery-exceptions.ts';
import type { Subscription } from './subscription.ts';

/** One send on its way from the log to the receipt: counts what the fan-out does with it. */
export class FanOutTally {
  readonly entry: Entry;
  /** How it was serialized. */
  readonly strategy: string;
  /** Epoch of the log it is in. */
  readonly epoch: string;
  readonly isDuplicate: boolean;
  readonly exceptions: DeliveryExceptions;
  /** The thread's members, as they are when one looks. */
  readonly members: ReadonlySet<Subscription>;
  readonly #done: (publication: FanOutTally) => void;
  #strangers = 0;
  #lastSerial = Infinity;
  recipients = 0;
  written = 0;
  /** Those that have to come for it. */
  behind: Subscription[] = [];
  /** Those that were busy when it was offered, of a volatile message. */
  readonly droppedFor: Subscription[] = [];
  /** The log had let go of it when its fan-out ended: single members do not know whether they were given it. */
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

  /** Whether this member is one of its recipients: it was there, and did not have the entry from its join on. */
  isFor(member: Subscription): boolean {
    return member.serial <= this.#lastSerial && (this.entry.offset === 0 || member.startedAt < this.entry.offset);
  }

  /** Whether it has not been written to this member to its end, and may still be. */
  isMissedBy(member: Subscription): boolean {
    return !member.hasPassed(this.entry) || member.isWriting(this.entry) || this.exceptions.isCut(member.subscriber);
  }

  /** A member that joined after the entry had been logged is no recipient: it has it from the log, or did not ask for it. */
  skip(member: Subscription): void {
    if (!this.isFor(member)) this.#strangers++;
  }

  /** The fan-out begins: what is in no log is for those who are there now. */
  begin(lastSerial: number): void {
    if (this.entry.offset === 0) this.#lastSerial = lastSerial;
  }

  /** The fan-out has visited that many connections; who joins from now on is no recipient. */
  finish(visited: number, lastSerial: number, tail: LogTail): void {
    const { entry } = this;
    if (entry.offset > 0) this.#lastSerial = lastSerial;
    this.isLost = entry.offset > 0 && tail.at(entry.offset) !== entry;
    // some have come for it since they were visited
    this.behind = this.behind.filter((member) => this.isMissedBy(member));
    this.written = this.isDuplicate ? 0 : entry.writes;
    // and some were written to by a catch-up and have left before they were visited
    this.recipients = Math.max(visited - this.#strangers, this.written + this.behind.length);
    if (!this.isDuplicate) entry.isOffered = true;
    // of a duplicate the first one is offered, and is released there
    if (entry.lane === 'volatile' && !this.isDuplicate) entry.release();
    this.#done(this);
  }
}
