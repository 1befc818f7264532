import type { ModelLog } from './model-log.ts';
import { readPosition, type Message } from './wire.ts';

/** How a join is to be answered, where the model can tell beforehand. */
export interface ExpectedJoin {
  readonly offset: number;
  readonly why: string | undefined;
  readonly recovered: number;
}

/**
 * The law of delivery: a contiguous, in-order, duplicate-free run of what was logged, minus superseded and expired entries,
 * or an explicit gap; critical entries may come ahead, once.
 */
export class SubscriptionModel {
  readonly log: ModelLog;
  readonly #complain: (what: string) => void;
  readonly #note: (what: string) => void;
  readonly #ahead = new Set<number>();
  /** The client has been given, or needs no more, everything up to here. */
  cursor: number;

  constructor(log: ModelLog, cursor: number, complain: (what: string) => void, note: (what: string) => void) {
    this.#note = note;
    this.log = log;
    this.cursor = cursor;
    this.#complain = complain;
  }

  /** @param since a time at which the hub may have decided that the entry is still worth it */
  onMessage({ o, id, isAhead }: Message, now: number, since: number): void {
    const entry = this.log.at(o);
    if (entry === undefined || entry.id !== id) return this.#complain(`${o} ${id} is not in the log`);
    if (o <= this.cursor) this.#complain(`${o} after ${this.cursor}`);
    if (this.#ahead.has(o)) this.#complain(`${o} again, it came ahead`);
    // what was begun in parts is finished also when the log holds it no longer, and then nobody knows that it is superseded
    if (entry.isSuperseded && o >= this.log.first) this.#complain(`${o} was superseded`);
    if (entry.expiresAt <= since) this.#complain(`${o} had expired`);
    if (isAhead) {
      if (entry.lane !== 'critical') this.#complain(`${o} is ahead and not critical`);
      this.#ahead.add(o);
      return;
    }
    const lost = this.missing(o - 1, now);
    if (o > this.cursor + 1) this.#note('skipped');
    if (lost.length > 0) this.#complain(`${o} after ${this.cursor} without ${lost.join()}`);
    this.cursor = o;
  }

  onGap(why: string, pos: string): void {
    const { epoch, offset } = readPosition(pos);
    if (why !== 'trimmed' || epoch !== this.log.epoch) this.#complain(`gap ${why} at ${pos} in ${this.log.epoch}`);
    if (offset <= this.cursor) this.#complain(`gap back from ${this.cursor} to ${offset}`);
    if (offset >= this.log.first) this.#complain(`gap to ${offset}, but all is kept from ${this.log.first}`);
    this.cursor = offset;
  }

  /** What should have come before anything after `upTo`. */
  missing(upTo: number, now: number): number[] {
    const lost: number[] = [];
    for (let o = this.cursor + 1; o <= upTo; o++) {
      if (!this.#ahead.has(o) && !this.log.isSkippable(o, now)) lost.push(o);
    }
    return lost;
  }
}

/** What a join after `from` has to be answered with. */
export function expectJoin(log: ModelLog | undefined, from: string | undefined): ExpectedJoin {
  const { head, first } = log ?? { head: 0, first: 1 };
  const oldest = { offset: first - 1, recovered: head - first + 1 };
  const newest = { offset: head, recovered: 0 };
  if (from === undefined) return { ...newest, why: undefined };
  if (from === 'start') return { ...oldest, why: undefined };
  const { epoch, offset, id } = readPosition(from);
  if (epoch !== log?.epoch) return { ...oldest, why: 'epoch' };
  // also the one before the oldest, which was trimmed last
  const known = offset >= first - 1 ? log.at(offset) : undefined;
  if (offset > head) return { ...newest, why: 'ahead' };
  if (known !== undefined && id !== '' && known.id !== id) return { ...newest, why: 'fork' };
  if (offset + 1 < first) return { ...oldest, why: 'trimmed' };
  return { offset, recovered: head - offset, why: undefined };
}
