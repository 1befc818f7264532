import type { LogTail } from '../../api/log.ts';
import { MAX_PASSENGERS, type LandingWaiter } from '../../infra/native/flight.ts';
import type { Landing } from './landing.ts';
import type { WriteBatch } from './write-batch.ts';
import type { PublicationTally } from './publication-tally.ts';
import type { ThreadValues } from '../values/thread-values.ts';
import type { StreamRegistry } from '../streams/stream-registry.ts';
import type { Subscription } from './subscription.ts';
import type { Task } from '../support/slice-scheduler.ts';

/** Visits between two looks at the clock. One visit costs about ten microseconds of system call. */
const VISITS_PER_LOOK = 16;

/** Visits that a fan-out makes however much is in the air: one flight, so that a small thread does not wait for big ones. */
const VISITS_IN_CONGESTION = MAX_PASSENGERS;

/** Message size in bytes above which copying to the kernel costs more than the system call. Each visit is then timed. */
const HEAVY_BYTES = 16 * 1024;

/** The thread whose members a fan-out visits. */
export interface FanOutHost {
  readonly members: ReadonlySet<Subscription>;
  /** Serial of the last member that joined. */
  readonly lastSerial: number;
  readonly batch: WriteBatch;
  readonly streams: StreamRegistry | undefined;
  readonly values: ThreadValues | undefined;
  readonly now: () => number;
  readonly report: (error: unknown) => void;
  /** A pass is over: everything up to this offset has been offered to all members. */
  offered(offset: number): void;
}

/**
 * The fan-out of one thread, done by reading its log. Each pass visits every subscription once, and each visit writes everything after that
 * subscription's cursor. Messages that arrive during a pass are simply more entries for the remaining visits. So batching grows with the
 * load and needs no timer.
 *
 * With a native sender, a pass begins when everything that the last pass put into the air has landed. Until then the members are blocked, and
 * what comes meanwhile leaves as one run.
 */
export class FanOut implements Task, LandingWaiter {
  readonly #tail: LogTail;
  readonly #station: FanOutHost;
  #isVisitDue = false;
  #waiting: PublicationTally[] = [];
  #pass: Pass | undefined;
  /** The landing of what the last pass put into the air. */
  #landing: Landing | undefined;
  /** The pass waits for a landing. */
  #isHeldUp = false;
  /** Every entry up to this offset has been offered. */
  #offered: number;

  constructor(tail: LogTail, station: FanOutHost) {
    this.#tail = tail;
    this.#offered = tail.head;
    this.#station = station;
  }

  get isIdle(): boolean {
    return this.#pass === undefined && this.#waiting.length === 0;
  }

  /** The publication's entry is in the log, or volatile. The next pass includes it. */
  add(publication: PublicationTally): void {
    this.#waiting.push(publication);
  }

  /** There is something for all members besides entries: the next pass visits them. */
  addVisit(): void {
    this.#isVisitDue = true;
  }

  run(deadline: number): boolean {
    const { batch } = this.#station;
    if (this.#isHeldUp || (this.#pass === undefined && this.#landing?.isAwaitedBy(this) === true)) return true;
    const { flights } = batch;
    const pass = (this.#pass ??= this.#begin());
    const isOver = this.#continue(pass, deadline);
    batch.handOver();
    pass.hasFlown ||= batch.flights !== flights;
    if (isOver) return this.#finish(pass);
    if (this.#isHeldUp) batch.awaitNext(this);
    return this.#isHeldUp;
  }

  /** What it waited for has landed. */
  onLanded(): void {
    this.#isHeldUp = false;
    this.#station.batch.schedule(this);
  }

  /** Makes visits; true when the pass is over. */
  #continue(pass: Pass, deadline: number): boolean {
    const { batch, now } = this.#station;
    const visitsPerLook = pass.isHeavy ? 1 : VISITS_PER_LOOK;
    let visits = 0;
    // a Set's iterator continues where it stopped; it includes members added meanwhile and omits removed ones
    for (const member of pass.rest) {
      try {
        this.#visit(member, pass);
      } catch (error) {
        // a broken connection must not keep the others from their visits
        member.subscriber.onBroken(error);
      }
      if (++visits % visitsPerLook !== 0) continue;
      batch.depart();
      this.#isHeldUp = visits >= VISITS_IN_CONGESTION && batch.isCongested;
      if (this.#isHeldUp || now() >= deadline) return false;
    }
    batch.depart();
    return true;
  }

  #finish(pass: Pass): boolean {
    this.#pass = undefined;
    this.#landing = pass.hasFlown ? this.#station.batch.landing : undefined;
    const { lastSerial, report } = this.#station;
    for (const publication of pass.publications) {
      try {
        publication.finish(pass.visited, lastSerial, this.#tail);
      } catch (error) {
        // the other senders still get their receipts
        report(error);
      }
    }
    this.#station.offered(this.#offeredUpTo(pass.head));
    return this.#waiting.length === 0 && pass.head === this.#tail.head && !this.#isVisitDue;
  }

  /**
   * A shared log may deliver an entry before it answers the append. The entry has then been delivered, but its publication follows later.
   * Until then it counts as not offered: afterwards, trimmed entries no longer tell which members received them.
   */
  #offeredUpTo(head: number): number {
    let offset = Math.min(this.#offered, head);
    for (; offset < head; offset++) {
      const entry = this.#tail.at(offset + 1);
      if (entry?.tally?.isAwaited === true) break;
      entry?.rest?.();
    }
    this.#offered = offset;
    return offset;
  }

  #begin(): Pass {
    const { streams, values, batch, members, lastSerial } = this.#station;
    this.#isVisitDue = false;
    values?.flush();
    const units = streams?.flush() ?? 0;
    const publications = this.#waiting;
    this.#waiting = [];
    // one loop and no closure: most passes have one publication, in a thread that may have no member
    let firstOffset = Infinity;
    let isHeavy = units >= HEAVY_BYTES;
    let isSelective = false;
    let volatile: PublicationTally[] | undefined;
    for (const publication of publications) {
      publication.begin(lastSerial);
      const { entry } = publication;
      if (entry.offset > 0 && firstOffset === Infinity) firstOffset = entry.offset;
      if (entry.lane === 'volatile') (volatile ??= []).push(publication);
      isHeavy ||= entry.body.bytes >= HEAVY_BYTES;
      isSelective ||= entry.except !== undefined;
    }
    return {
      head: this.#tail.head,
      publications,
      firstOffset,
      volatile: volatile ?? NONE,
      // a volatile message is offered right after the visit, to members whose sockets accept it
      batch: volatile === undefined ? batch : undefined,
      isHeavy,
      isSelective,
      rest: members.values(),
      lastSerial,
      visited: 0,
      hasFlown: false,
    };
  }

  #visit(member: Subscription, pass: Pass): void {
    // the connection has ended, or the thread was deleted: it leaves this thread soon
    if (member.isGone || member.isEnded) return;
    pass.visited++;
    if (
      pass.isSelective ||
      member.views !== undefined ||
      member.startedAt >= pass.firstOffset ||
      member.serial > pass.lastSerial
    ) {
      for (const publication of pass.publications) publication.skip(member);
    }
    // a volatile message must not be dropped because another thread's flight holds the connection
    if (pass.volatile.length > 0) member.writer.passFlight();
    const isDone = member.visit(pass.batch);
    if (!isDone || pass.isHeavy || member.isEnded) {
      for (const publication of pass.publications) {
        const { entry } = publication;
        if (entry.offset === 0 || !publication.isFor(member) || !publication.isMissedBy(member)) continue;
        publication.noteBehind(member);
        // its span ends when it has been fully written
        if (entry.trace !== undefined && !member.hasPassed(entry)) member.subscriber.traceMiss(entry, 'behind');
      }
    }
    for (const publication of pass.volatile) {
      // a client that rejoined meanwhile may already have received it
      if (!publication.isFor(member)) continue;
      member.writer.passFlight();
      if (!member.offerVolatile(publication.entry)) publication.noteDropped(member);
      else if (member.isWriting(publication.entry)) publication.noteBehind(member);
    }
  }
}

const NONE: readonly PublicationTally[] = [];

interface Pass {
  /** The newest offset when the pass began. */
  readonly head: number;
  readonly publications: readonly PublicationTally[];
  /** The oldest offset among the publications. */
  readonly firstOffset: number;
  readonly volatile: readonly PublicationTally[];
  readonly batch: WriteBatch | undefined;
  /** A message is not for all members. */
  readonly isSelective: boolean;
  readonly isHeavy: boolean;
  readonly rest: SetIterator<Subscription>;
  /** Serial of the last member that had joined when the pass began. */
  readonly lastSerial: number;
  visited: number;
  /** Some of its bytes went to a sender beside the event loop. */
  hasFlown: boolean;
}
