import { PART_BYTES } from '../../infra/wire/part-frames.ts';

/** A ping on its way, with what was known when it was sent. */
export interface Barrier {
  readonly seq: number;
  readonly at: number;
  /** Bytes handed over before it. */
  readonly bytes: number;
  /** Bytes that the line had carried at an earlier moment, and that moment. The answer shows what the line has carried since. */
  readonly fromBytes: number;
  readonly fromAt: number;
}

/** Bytes that may be on their way before the speed of the line is known. */
const FIRST_BYTES = 256 * 1024;

/** Maximum time that an overtaking message may wait for bytes that the kernel has already taken, in addition to the round trip. */
const QUEUE_MS = 250;

/** The fastest answer is forgotten after this time: a phone may have moved to a longer line. */
const FASTEST_MS = 30_000;

/** A line that carries more than this factor of its former rate may carry still more. */
const GROWTH = 1.25;

/**
 * How many bytes of a big message may be on their way to a client. The kernel takes megabytes for a slow line, which nothing can overtake;
 * and a long line carries megabytes before the first answer comes. So the window is what the line carries in its round trip and a quarter
 * of a second. The rate and the round trip are measured as BBR does (Cardwell et al., ACM Queue 14(5), 2016): the most that was recently
 * carried between two answers, and the fastest answer.
 *
 * While the rate still grows, half a round trip is added, which makes the window grow by half and more in each. An overtaking message
 * arrives half a round trip after it was sent and has waited for at most the rest: in any case within a round trip and `QUEUE_MS`.
 */
export class SendWindow {
  #bytes = FIRST_BYTES;
  /** Bytes per millisecond: the maximum of this period and of the two before it. */
  #rate = 0;
  #rateBefore = 0;
  #rateLongBefore = 0;
  #periodAt = -Infinity;
  #fastestMs: number;
  #fastestAt: number;
  /** The line is emptied for a moment, to see how fast it answers then. */
  #emptyUntil: number | undefined;
  #fastestSince = Infinity;
  #emptyBytes = 0;
  #emptyAt = -Infinity;

  /** @param fastestMs the fastest answer so far, Infinity for none */
  constructor(fastestMs: number, now: number) {
    this.#fastestMs = fastestMs;
    this.#fastestAt = now;
  }

  /** Nothing is on its way. */
  noteEmpty(now: number, writtenBytes: number): void {
    this.#emptyAt = now;
    this.#emptyBytes = writtenBytes;
  }

  /** When the line was last seen empty. */
  get emptyAt(): number {
    return this.#emptyAt;
  }

  /** Bytes handed over by then. */
  get emptyBytes(): number {
    return this.#emptyBytes;
  }

  /** Whether more may be written while this many bytes are on their way. */
  hasRoom(now: number, inFlight: number): boolean {
    const isEmptied = this.#emptyUntil !== undefined && now < this.#emptyUntil;
    return inFlight < (isEmptied ? this.#bytes / 4 : this.#bytes);
  }

  /**
   * Bytes from one barrier to the next. Several are on their way at once; otherwise the window would seem open only once in two round
   * trips.
   */
  get step(): number {
    return this.#bytes / 8;
  }

  answered({ at, bytes, fromBytes, fromAt }: Barrier, now: number): void {
    const roundTripMs = Math.max(1, now - at);
    this.#noteRoundTrip(roundTripMs, now);
    // fewer say nothing about the line
    if (bytes - fromBytes < PART_BYTES) return;
    if (now - this.#periodAt >= Math.max(2 * this.#fastestMs, QUEUE_MS)) {
      this.#periodAt = now;
      this.#rateLongBefore = this.#rateBefore;
      this.#rateBefore = this.#rate;
      this.#rate = 0;
    }
    this.#rate = Math.max(this.#rate, (bytes - fromBytes) / Math.max(1, now - fromAt));
    const rate = Math.max(this.#rate, this.#rateBefore);
    const growthMs = rate > GROWTH * this.#rateLongBefore ? this.#fastestMs / 2 : 0;
    this.#bytes = Math.max(PART_BYTES, rate * (this.#fastestMs + growthMs + QUEUE_MS));
  }

  #noteRoundTrip(roundTripMs: number, now: number): void {
    if (roundTripMs <= this.#fastestMs) {
      this.#adopt(roundTripMs, now);
    } else if (now - this.#fastestAt >= FASTEST_MS) {
      this.#fastestSince = Math.min(this.#fastestSince, roundTripMs);
      if (this.#emptyUntil === undefined) {
        this.#emptyUntil = now + roundTripMs;
        this.#fastestSince = Infinity;
      } else if (now >= this.#emptyUntil + roundTripMs) {
        // what was sent when it was empty has been answered
        this.#adopt(this.#fastestSince, now);
      }
    }
  }

  #adopt(fastestMs: number, now: number): void {
    this.#fastestMs = fastestMs;
    this.#fastestAt = now;
    this.#emptyUntil = undefined;
  }
}
