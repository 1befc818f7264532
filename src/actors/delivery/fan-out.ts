import type { LogTail } from '../../infra/log/delivery-log.ts';
import type { WriteBatch } from './write-batch.ts';
import type { FanOutTally } from './fan-out-tally.ts';
import type { StreamRegistry } from '../streams/stream-registry.ts';
import type { Subscription } from './subscription.ts';
import type { Task } from '../support/slice-scheduler.ts';

/** Visits between two looks at the clock: one visit costs about ten microseconds of system call. */
const VISITS_PER_LOOK = 16;

/** Bytes of a message from which copying it to the kernel costs more than the system call: then each visit is timed. */
const HEAVY_BYTES = 16 * 1024;

/** The thread whose members a fan-out visits. */
export interface FanOutHost {
  readonly members: ReadonlySet<Subscription>;
  /** Of the last member that joined. */
  readonly lastSerial: number;
  readonly batch: WriteBatch;
  readonly streams: StreamRegistry | undefined;
  readonly now: () => number;
  readonly report: (error: unknown) => void;
  /** A pass is over: what comes up to this offset has been offered to all members. */
  offered(offset: number): void;
}

/**
 * Fan-out of one thread as reading its log: each pass visits every subscription once, and every visit writes all that came
 * after that subscription's cursor. Messages that arrive while a pass is in progress are simply more entries for the visits to
 * come, so batching grows with load and needs no timer.
 */
export class FanOut implements Task {
  readonly #tail: LogTail;
  readonly #station: FanOutHost;
  #isTextDue = false;
  #waiting: FanOutTally[] = [];
  #pass: Pass | undefined;
  /** Everything up to here has been offered. */
  #offered: number;

  constructor(tail: LogTail, station: FanOutHost) {
    this.#tail = tail;
    this.#offered = tail.head;
    this.#station = station;
  }

  get isIdle(): boolean {
    return this.#pass === undefined && this.#waiting.length === 0;
  }

  /** The publication's entry is in the log, or volatile: it is part of the next pass. */
  add(publication: FanOutTally): void {
    this.#waiting.push(publication);
  }

  /** Text of a stream is to be told with the next pass. */
  addText(): void {
    this.#isTextDue = true;
  }

  run(deadline: number): boolean {
    const { batch, now } = this.#station;
    const pass = (this.#pass ??= this.#begin());
    const visitsPerLook = pass.isHeavy ? 1 : VISITS_PER_LOOK;
    let visits = 0;
    // a Set's iterator goes on where it stopped, with members that came meanwhile and without those that went
    for (const member of pass.rest) {
      try {
        this.#visit(member, pass);
      } catch (error) {
        // a broken connection must not keep the others from their visits
        member.subscriber.onBroken(error);
      }
      if (++visits % visitsPerLook !== 0) continue;
      batch.depart();
      if (now() >= deadline) return false;
    }
    batch.depart();
    this.#pass = undefined;
    const { lastSerial, report } = this.#station;
    for (const publication of pass.publications) {
      try {
        publication.finish(pass.visited, lastSerial, this.#tail);
      } catch (error) {
        // the others' senders are to have their receipts
        report(error);
      }
    }
    this.#station.offered(this.#offeredUpTo(pass.head));
    return this.#waiting.length === 0 && pass.head === this.#tail.head && !this.#isTextDue;
  }

  /**
   * A log elsewhere brings an entry before it answers its append: such an entry has been delivered, but its publication follows. Until
   * then it counts as not offered, for what the log has let go of says no longer who was given it.
   */
  #offeredUpTo(head: number): number {
    let offset = Math.min(this.#offered, head);
    for (; offset < head; offset++) {
      const entry = this.#tail.at(offset + 1);
      if (entry?.isOffered === false && entry.watcher?.deref() !== undefined) break;
    }
    this.#offered = offset;
    return offset;
  }

  #begin(): Pass {
    const { streams, batch, members, lastSerial } = this.#station;
    this.#isTextDue = false;
    const units = streams?.flush() ?? 0;
    const publications = this.#waiting;
    this.#waiting = [];
    for (const publication of publications) publication.begin(lastSerial);
    return {
      head: this.#tail.head,
      publications,
      firstOffset: publications.find(({ entry }) => entry.offset > 0)?.entry.offset ?? Infinity,
      volatile: publications.filter(({ entry }) => entry.lane === 'volatile'),
      // a volatile message is offered right after the visit, to members whose sockets take it
      batch: publications.some(({ entry }) => entry.lane === 'volatile') ? undefined : batch,
      isHeavy: units >= HEAVY_BYTES || publications.some(({ entry }) => entry.body.bytes >= HEAVY_BYTES),
      rest: members.values(),
      lastSerial,
      visited: 0,
    };
  }

  #visit(member: Subscription, pass: Pass): void {
    // its connection has ended and is leaving its threads, this one soon
    if (member.isGone) return;
    pass.visited++;
    if (member.startedAt >= pass.firstOffset || member.serial > pass.lastSerial) {
      for (const publication of pass.publications) publication.skip(member);
    }
    const isDone = member.visit(pass.batch);
    if (!isDone || pass.isHeavy || member.isEnded) {
      for (const publication of pass.publications) {
        const { entry } = publication;
        if (entry.offset === 0 || !publication.isFor(member) || !publication.isMissedBy(member)) continue;
        publication.behind.push(member);
        // its span follows when it has been written to its end
        if (entry.trace !== undefined && !member.hasPassed(entry)) member.subscriber.traceMiss(entry, 'behind');
      }
    }
    for (const publication of pass.volatile) {
      // a client that has joined again meanwhile may have been given it already
      if (!publication.isFor(member)) continue;
      if (!member.offerVolatile(publication.entry)) publication.droppedFor.push(member);
      else if (member.isWriting(publication.entry)) publication.behind.push(member);
    }
  }
}

interface Pass {
  /** The newest offset when the pass began. */
  readonly head: number;
  readonly publications: readonly FanOutTally[];
  /** The oldest offset among the publications. */
  readonly firstOffset: number;
  readonly volatile: readonly FanOutTally[];
  readonly batch: WriteBatch | undefined;
  readonly isHeavy: boolean;
  readonly rest: SetIterator<Subscription>;
  /** Of the last member that had joined when the pass began. */
  readonly lastSerial: number;
  visited: number;
}
