import type { Link } from '../../api/socket.ts';

/** What one look at a connection found. */
export type Finding = 'well' | 'progressed' | 'stalled';

export interface LivenessPolicy {
  readonly sendTimeoutMs: number;
  readonly heartbeatMs: number;
}

/** Bytes of a big message that may be on their way before it is known how fast the line is. */
const SMALLEST_WINDOW = 256 * 1024;

/** How long what overtakes a big message may have to wait for bytes that the kernel has taken already. */
const QUEUE_MS = 250;

/**
 * Whether a peer still takes what it is sent, from two signs, because the kernel takes megabytes for a peer that is stopped:
 * unsent bytes that make no progress, and a ping barrier without an answer. No timer: the one sweep looks.
 */
export class Liveness {
  readonly #link: Link;
  readonly #policy: LivenessPolicy;
  #taken = 0;
  #hadUnsent = false;
  #unsentSince = 0;
  #progressAt: number;
  /** How long the last lump of waiting bytes took. */
  #progressMs = 0;
  #pingSeq = 0;
  #pongSeq = 0;
  #pingAt = -Infinity;
  #heardAt: number;
  /** Bytes handed over when the last ping went out: what came later is not covered by its answer. */
  #coveredBytes = 0;
  #ackedBytes = 0;
  /** Bytes handed over when that was last looked at, and since when there are no more. */
  #saidBytes = 0;
  #saidAt: number;
  /** How long the last answered barrier took, and the fastest of all. */
  #roundTripMs = 0;
  #fastestMs = Infinity;
  #answeredAt: number;
  #window = SMALLEST_WINDOW;

  /** @param policy shared by all connections */
  constructor(link: Link, policy: LivenessPolicy, now: number) {
    this.#link = link;
    this.#policy = policy;
    this.#progressAt = now;
    this.#heardAt = now;
    this.#saidAt = now;
    this.#answeredAt = now;
  }

  /** Bytes of the connection's life that the peer has received: it answered a barrier that was sent after them. */
  get ackedBytes(): number {
    return this.#ackedBytes;
  }

  /** How long the last answered barrier took; undefined before the first answer. */
  get roundTripMs(): number | undefined {
    return this.#pongSeq === 0 ? undefined : this.#roundTripMs;
  }

  /** Sends a ping barrier now; its number. */
  ping(now: number, writtenBytes: number): number {
    this.#pingAt = now;
    this.#coveredBytes = writtenBytes;
    this.#link.ping(++this.#pingSeq);
    return this.#pingSeq;
  }

  /** Asks for a sign of life, where no answer is awaited already; the function tells whether one came since. */
  ask(now: number, writtenBytes: number): () => boolean {
    if (this.#pingSeq === this.#pongSeq) this.ping(now, writtenBytes);
    const seq = this.#pingSeq;
    const taken = this.#link.unsentBytes > 0 ? this.#link.takenBytes : undefined;
    // bytes that had to wait, and go, are a sign as well
    return () => this.#pongSeq >= seq || this.#heardAt > now || (taken !== undefined && this.#link.takenBytes > taken);
  }

  /** True where the answer is to a barrier that was unanswered: answers are cumulative. */
  pong(seq: number, now: number): boolean {
    this.#heardAt = now;
    if (seq <= this.#pongSeq || seq > this.#pingSeq) return false;
    if (seq === this.#pingSeq) {
      this.#roundTripMs = now - this.#pingAt;
      this.#adapt(now);
      this.#ackedBytes = this.#coveredBytes;
    }
    this.#pongSeq = seq;
    this.#progressAt = now;
    return true;
  }

  /**
   * Whether one more part of a big message may be written. The kernel takes megabytes for a slow line, which nothing can overtake: so
   * no more is on its way than the line takes in its round trip and a quarter of a second.
   */
  hasRoom(writtenBytes: number): boolean {
    return writtenBytes - this.#ackedBytes < this.#window;
  }

  /** A part was written: a barrier tells when the peer has it. One at a time, so one in a round trip at most. */
  follow(now: number, writtenBytes: number): void {
    const isAnswered = this.#pingSeq === this.#pongSeq;
    if (isAnswered && writtenBytes - this.#coveredBytes >= this.#window / 4) this.ping(now, writtenBytes);
  }

  /** What the line took between two answers is its rate; while the window is what limits it, that lets the window grow. */
  #adapt(now: number): void {
    this.#fastestMs = Math.min(this.#fastestMs, this.#roundTripMs);
    const bytesPerMs = (this.#coveredBytes - this.#ackedBytes) / Math.max(1, now - this.#answeredAt);
    this.#window = Math.max(SMALLEST_WINDOW, bytesPerMs * (this.#fastestMs + QUEUE_MS));
    this.#answeredAt = now;
  }

  /** The peer sent something. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** Nothing was said for so long that a page, which sees no pings, might take the line for dead. */
  owesHeartbeat(now: number, writtenBytes: number): boolean {
    if (writtenBytes !== this.#saidBytes) {
      this.#saidBytes = writtenBytes;
      this.#saidAt = now;
    }
    return now - this.#saidAt >= this.#policy.heartbeatMs;
  }

  /** The sweep's look. `writtenBytes`: bytes handed to the socket in the connection's life. */
  examine(now: number, writtenBytes: number): Finding {
    const hasProgressed = this.#examineUnsent(now);
    const { sendTimeoutMs, heartbeatMs } = this.#policy;
    if (this.#isWaitingTooLong(now)) return 'stalled';
    if (this.#pingSeq > this.#pongSeq) {
      if (now - Math.max(this.#pingAt, this.#progressAt) >= this.#patience(this.#roundTripMs)) return 'stalled';
    } else if (now - this.#pingAt >= sendTimeoutMs) {
      const isDue = writtenBytes > this.#coveredBytes || now - this.#heardAt >= heartbeatMs;
      if (isDue) this.ping(now, writtenBytes);
    }
    return hasProgressed ? 'progressed' : 'well';
  }

  /** Bytes that had to wait have moved since this, or `examine`, was last called. */
  hasProgressed(now: number): boolean {
    return this.#examineUnsent(now);
  }

  /** From now on it counts only whether bytes move. */
  beginEnd(now: number): void {
    this.#progressAt = now;
  }

  /** Bytes wait, and have made no progress for as long as a peer may take. */
  hasStalled(now: number): boolean {
    this.#examineUnsent(now);
    return this.#isWaitingTooLong(now);
  }

  #isWaitingTooLong(now: number): boolean {
    return this.#hadUnsent && now - this.#waitingSince >= this.#patience(this.#progressMs);
  }

  /**
   * Bytes that the kernel took while it had room for all are no sign of life; bytes that had to wait for room are. So the
   * counters, two calls into the socket's handle, are looked at only where something waits or has waited.
   */
  #examineUnsent(now: number): boolean {
    const isUnsent = this.#link.unsentBytes > 0;
    if (!isUnsent && !this.#hadUnsent) return false;
    const { takenBytes } = this.#link;
    const hasProgressed = this.#hadUnsent && takenBytes !== this.#taken;
    this.#taken = takenBytes;
    if (hasProgressed) {
      this.#progressMs = now - this.#waitingSince;
      this.#progressAt = now;
    }
    if (isUnsent && !this.#hadUnsent) this.#unsentSince = now;
    this.#hadUnsent = isUnsent;
    return hasProgressed;
  }

  /** Since when the unsent bytes wait without progress. */
  get #waitingSince(): number {
    return Math.max(this.#unsentSince, this.#progressAt);
  }

  /**
   * A slow line answers and takes bytes in lumps, because the kernel holds megabytes and reports room only when a third of
   * them is free. So what the last answer or lump took tells how long the next one may take: twice that, as a TCP
   * retransmission timer allows for a slow path (RFC 6298).
   */
  #patience(lastMs: number): number {
    return Math.max(this.#policy.sendTimeoutMs, 2 * lastMs);
  }
}
