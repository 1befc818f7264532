import type { LogTail } from '../infra/delivery-log.ts';
import type { Publication } from './publication.ts';
import type { Streams } from './streams.ts';
import type { Subscription } from './subscription.ts';
import type { Task } from './turns.ts';

/** Visits between two looks at the clock: one visit costs about ten microseconds of system call. */
const VISITS_PER_LOOK = 16;

/** Bytes of a message from which copying it to the kernel costs more than the system call: then each visit is timed. */
const HEAVY_BYTES = 16 * 1024;

/**
 * Fan-out of one thread as reading its log: each pass visits every subscription once, and every visit writes all that came
 * after that subscription's cursor. Messages that arrive while a pass is under way are simply more entries for the visits to
 * come, so batching grows with load and needs no timer.
 */
export class Pump implements Task {
  readonly #tail: LogTail;
  readonly #members: ReadonlySet<Subscription>;
  readonly #now: () => number;
  readonly #lastSerial: () => number;
  readonly #onOffered: (offset: number) => void;
  readonly #streams: () => Streams | undefined;
  #isTextDue = false;
  #waiting: Publication[] = [];
  #pass: Pass | undefined;

  /** @param onOffered told after each pass up to which offset everybody has been visited */
  constructor(
    tail: LogTail,
    members: ReadonlySet<Subscription>,
    now: () => number,
    onOffered: (offset: number) => void,
    lastSerial: () => number,
    streams: () => Streams | undefined,
  ) {
    this.#streams = streams;
    this.#lastSerial = lastSerial;
    this.#onOffered = onOffered;
    this.#tail = tail;
    this.#members = members;
    this.#now = now;
  }

  get isIdle(): boolean {
    return this.#pass === undefined && this.#waiting.length === 0;
  }

  /** The publication's entry is in the log, or volatile: it is part of the next pass. */
  add(publication: Publication): void {
    this.#waiting.push(publication);
  }

  /** Text of a stream is to be told with the next pass. */
  addText(): void {
    this.#isTextDue = true;
  }

  run(deadline: number): boolean {
    const pass = (this.#pass ??= this.#begin());
    const visitsPerLook = pass.isHeavy ? 1 : VISITS_PER_LOOK;
    let visits = 0;
    // a Set's iterator goes on where it stopped, with members that came meanwhile and without those that went
    for (const member of pass.rest) {
      this.#visit(member, pass);
      if (++visits % visitsPerLook === 0 && this.#now() >= deadline) return false;
    }
    this.#pass = undefined;
    this.#onOffered(pass.head);
    for (const publication of pass.publications) publication.finish(pass.visited, this.#lastSerial());
    return this.#waiting.length === 0 && pass.head === this.#tail.head && !this.#isTextDue;
  }

  #begin(): Pass {
    this.#isTextDue = false;
    this.#streams()?.flush();
    const publications = this.#waiting;
    this.#waiting = [];
    return {
      head: this.#tail.head,
      publications,
      firstOffset: publications.find(({ entry }) => entry.offset > 0)?.entry.offset ?? Infinity,
      volatile: publications.filter(({ entry }) => entry.lane === 'volatile'),
      isHeavy: publications.some(({ entry }) => entry.body.bytes >= HEAVY_BYTES),
      rest: this.#members.values(),
      visited: 0,
    };
  }

  #visit(member: Subscription, pass: Pass): void {
    pass.visited++;
    if (member.startedAt >= pass.firstOffset) {
      for (const publication of pass.publications) publication.skip(member);
    }
    if (!member.visit()) {
      for (const publication of pass.publications) {
        const { entry } = publication;
        const isMissing = entry.offset > 0 && publication.isFor(member) && !member.hasPassed(entry);
        if (!isMissing) continue;
        publication.behind.push(member);
        if (entry.trace !== undefined) member.subscriber.traceMiss(entry, 'behind');
      }
    }
    for (const publication of pass.volatile) {
      if (!member.subscriber.offerVolatile(publication.entry, member.isLive)) publication.droppedFor.push(member);
    }
  }
}

interface Pass {
  /** The newest offset when the pass began. */
  readonly head: number;
  readonly publications: readonly Publication[];
  /** The oldest offset among the publications. */
  readonly firstOffset: number;
  readonly volatile: readonly Publication[];
  readonly isHeavy: boolean;
  readonly rest: SetIterator<Subscription>;
  visited: number;
}
