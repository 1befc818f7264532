import type { Link } from '../../api/socket.ts';
import type { LivenessPolicy } from '../support/settings.ts';
import type { PingNumbers } from './ping-numbers.ts';
import { SendWindow, type Barrier } from './send-window.ts';

/** Before the first ping of any connection; see `Liveness`. */
const NEVER = -1e9;

/** What one look at a connection found. */
export type Finding = 'well' | 'progressed' | 'stalled';

/**
 * Whether a client still accepts what it is sent. The kernel takes megabytes for a stopped client, so there are two signs: unsent bytes
 * that make no progress, and a ping barrier without an answer. Where the client is not pinged, its acknowledgements are progress, too. It
 * needs no timer: the one sweep looks.
 *
 * Moments that are compared with seconds are whole milliseconds: V8 keeps a fraction in an object of 16 bytes.
 */
export class Liveness {
  #link: Link;
  readonly #policy: LivenessPolicy;
  readonly #numbers: PingNumbers;
  #taken = 0;
  /** Undefined where nothing waits. */
  #unsentSince: number | undefined;
  #progressAt: number;
  /** How long the last batch of waiting bytes took. */
  #progressMs = 0;
  #pingSeq = 0;
  #pongSeq = 0;
  #pingAt = NEVER;
  #heardAt: number;
  /** Bytes handed over when the last ping went out. Its answer does not cover later bytes. */
  #coveredBytes = 0;
  #ackedBytes = 0;
  /** Bytes handed over before the last answer: where that confirms no receipt, the line has taken them. */
  #answeredBytes = 0;
  /** Bytes handed over at the last look, and since when there are no more. */
  #saidBytes = 0;
  #saidAt: number;
  /** How long the last answered barrier took, and the fastest of all. */
  #roundTripMs = 0;
  #fastestMs = Infinity;
  #answeredAt: number;
  /** The pings without an answer, oldest first; undefined if there is none. */
  #barriers: Barrier[] | undefined;
  /** Set from the first big message. */
  #window: SendWindow | undefined;

  /** @param policy shared by all connections, as are the numbers */
  constructor(link: Link, policy: LivenessPolicy, now: number, numbers: PingNumbers) {
    this.#link = link;
    this.#policy = policy;
    this.#numbers = numbers;
    this.#progressAt = Math.floor(now);
    this.#heardAt = now;
    this.#saidAt = Math.floor(now);
    this.#answeredAt = now;
  }

  attach(link: Link): void {
    this.#link = link;
  }

  /** Bytes of the connection that the client has certainly received: it answered a barrier sent after them. */
  get ackedBytes(): number {
    return this.#ackedBytes;
  }

  /** How long the last answered barrier took; undefined before the first answer, and where the client is not asked. */
  get roundTripMs(): number | undefined {
    return this.#pongSeq === 0 || this.#link.confirmsReceipt === false ? undefined : this.#roundTripMs;
  }

  /** How long ago that answer came. */
  roundTripAgeMs(now: number): number | undefined {
    return this.roundTripMs === undefined ? undefined : now - this.#answeredAt;
  }

  /** Sends a ping barrier now and returns its number. */
  ping(now: number, writtenBytes: number): number {
    // since the line was empty, or else since the last answer
    const { emptyAt = -Infinity, emptyBytes = 0 } = this.#window ?? {};
    const isFresh = emptyAt > this.#answeredAt;
    const fromBytes = isFresh ? emptyBytes : this.#answeredBytes;
    const fromAt = isFresh ? emptyAt : this.#answeredAt;
    this.#pingAt = Math.floor(now);
    this.#coveredBytes = writtenBytes;
    const seq = this.#numbers.after(this.#pingSeq);
    this.#pingSeq = seq;
    (this.#barriers ??= []).push({ seq, at: now, bytes: writtenBytes, fromBytes, fromAt });
    this.#link.ping(seq);
    return seq;
  }

  /** Asks for a sign of life, unless an answer is already awaited. The returned function says whether a sign came since. */
  ask(now: number, writtenBytes: number): () => boolean {
    if (this.#pingSeq === this.#pongSeq) this.ping(now, writtenBytes);
    const seq = this.#pingSeq;
    const taken = this.#link.unsentBytes > 0 ? this.#link.takenBytes : undefined;
    // bytes that had to wait, and move, are a sign as well
    return () => this.#pongSeq >= seq || this.#heardAt > now || (taken !== undefined && this.#link.takenBytes > taken);
  }

  /** True if it answers an unanswered barrier; answers are cumulative. */
  pong(seq: number, now: number): boolean {
    this.#heardAt = now;
    // the numbers in between are those of other connections
    const barrier = this.#barriers?.find((one) => one.seq === seq);
    if (barrier === undefined) return false;
    this.#pongSeq = seq;
    this.#progressAt = Math.floor(now);
    this.#answered(barrier, now);
    return true;
  }

  #answered(barrier: Barrier, now: number): void {
    const barriers = this.#barriers ?? [];
    if (barrier.seq === this.#pingSeq) this.#barriers = undefined;
    else while ((barriers[0]?.seq ?? Infinity) <= barrier.seq) barriers.shift();
    this.#roundTripMs = now - barrier.at;
    this.#fastestMs = Math.min(this.#fastestMs, this.#roundTripMs);
    this.#window?.answered(barrier, now);
    this.#answeredBytes = barrier.bytes;
    if (this.#link.confirmsReceipt !== false) this.#ackedBytes = barrier.bytes;
    this.#answeredAt = now;
  }

  /** Whether one more part of a big message may be written: see `SendWindow`. */
  hasRoom(now: number, writtenBytes: number): boolean {
    this.#window ??= new SendWindow(this.#fastestMs, now);
    if (this.#pingSeq === this.#pongSeq) this.#window.noteEmpty(now, writtenBytes);
    return this.#window.hasRoom(now, writtenBytes - this.#answeredBytes);
  }

  /** A part was written, or has to wait. The answer to a barrier shows when the client has received the bytes on their way. */
  follow(now: number, writtenBytes: number): void {
    if (this.#window !== undefined && writtenBytes - this.#coveredBytes >= this.#window.step)
      this.ping(now, writtenBytes);
  }

  /** The client sent something. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /**
   * The client has acknowledged a message for the first time: bytes that wait are on their way. Asked for nothing else, it can say so only by
   * this; a client that answers pings has to answer them.
   */
  acknowledged(): void {
    // no count of bytes: the next look finds another one
    if (this.#link.confirmsReceipt === false) this.#taken = -1;
  }

  /** The connection was quiet for so long that a page, which sees no pings, might consider it dead. */
  owesHeartbeat(now: number, writtenBytes: number): boolean {
    if (writtenBytes !== this.#saidBytes) {
      this.#saidBytes = writtenBytes;
      this.#saidAt = Math.floor(now);
    }
    return now - this.#saidAt >= this.#policy.heartbeatMs;
  }

  /** The look of the sweep. `writtenBytes`: all bytes that were handed to the socket. */
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

  /** From now on, only the movement of bytes counts. */
  beginEnd(now: number): void {
    this.#progressAt = Math.floor(now);
  }

  /** Our own event loop stood still for so long: no client could be heard, and no bytes could move. */
  excuse(now: number, lostMs: number): void {
    const since = Math.max(this.#progressAt, this.#pingAt, this.#unsentSince ?? NEVER);
    this.#progressAt = Math.floor(Math.min(now, since + lostMs));
  }

  /** Bytes wait, and have made no progress for as long as allowed. */
  hasStalled(now: number): boolean {
    this.#examineUnsent(now);
    return this.#isWaitingTooLong(now);
  }

  #isWaitingTooLong(now: number): boolean {
    return this.#unsentSince !== undefined && now - this.#waitingSince >= this.#patience(this.#progressMs);
  }

  /**
   * Bytes that the kernel accepted while it had room are no sign of life; bytes that had to wait for room are. Reading the counters means
   * two calls into the socket's handle, so they are read only if something waits or has waited.
   */
  #examineUnsent(now: number): boolean {
    const isUnsent = this.#link.unsentBytes > 0;
    const hadUnsent = this.#unsentSince !== undefined;
    if (!isUnsent && !hadUnsent) return false;
    const { takenBytes } = this.#link;
    const hasProgressed = hadUnsent && takenBytes !== this.#taken;
    this.#taken = takenBytes;
    if (hasProgressed) {
      this.#progressMs = now - this.#waitingSince;
      this.#progressAt = Math.floor(now);
    }
    if (!isUnsent) this.#unsentSince = undefined;
    else if (!hadUnsent) this.#unsentSince = Math.floor(now);
    return hasProgressed;
  }

  /** Since when the unsent bytes wait without progress. */
  get #waitingSince(): number {
    return Math.max(this.#unsentSince ?? this.#progressAt, this.#progressAt);
  }

  /**
   * A slow line answers and accepts bytes in batches, because the kernel holds megabytes and reports room only when a third of them is
   * free. So the time of the last answer or batch limits the next one: twice that, as a TCP retransmission timer allows for a slow path
   * (RFC 6298).
   */
  #patience(lastMs: number): number {
    return Math.max(this.#policy.sendTimeoutMs, 2 * lastMs);
  }
}
