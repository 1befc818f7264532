import type { Entry } from '../../infra/log/entry.ts';
import type { Counters } from '../support/counters.ts';
import type { Filled } from '../../infra/option-checks.ts';
import type { GapReason } from './gap-reason.ts';
import type { Clearance } from './clearance.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { JoinedFrame, JoinedFrames } from './joined-frames.ts';
import type { StreamRegistry } from '../streams/stream-registry.ts';
import type { CompressionOptions } from '../../api/options.ts';

/**
 * The connection of a subscription, as far as that has to know.
 * @typeParam Member the subscription
 */
export interface Subscriber<Member> {
  readonly id: string;
  readonly writer: FrameWriter;
  /** Bytes of the writer that the peer has received for certain. */
  readonly ackedBytes: number;
  /** False once its socket is gone. */
  readonly isLinkOpen: boolean;
  /** Its subscription in this thread; `joining` while it is about to have one. */
  standing(threadId: string): Member | 'joining' | undefined;
  /** The first pieces of a big message have been written: the others follow in turns of their own. */
  goOn(entry: Entry): void;
  /** A traced entry has been written to its end. */
  traceWritten(entry: Entry, bytes: number): void;
  /** A run has been written of which an entry is traced. */
  traceRun(run: JoinedFrame): void;
  /** A traced entry was offered to it and not written, or not to its end. */
  traceMiss(entry: Entry, outcome: 'behind' | 'dropped' | 'evicted'): void;
  /** Whether a part of a big entry may be written, by the socket and by what the line to the client holds. */
  admitPart(): Clearance;
  /** A part of a big entry has been written. */
  followPart(entry: Entry, isLast: boolean): void;
  /** Whether this subscription's big entry may go out in parts now: one of a connection at a time, so `endParts` must follow. */
  beginParts(subscription: Member): boolean;
  endParts(): void;
  /** The next part has been made; later than it could have been written. */
  partReady(): void;
  /** Tells the client that something is missing before this position. */
  tellGap(threadId: string, why: GapReason, position: string): void;
  /** Tells the client that a token stream is over without a final message. */
  tellLost(threadId: string, streamId: string): void;
  /**
   * A visit ended before the end of the log.
   * @param clearance `signal` where it has to wait for one; else others are to have their turn first
   */
  fellBehind(subscription: Member, clearance: Clearance): void;
  /** A visit threw: what it has left half done cannot be gone on with, so the connection ends. */
  onBroken(error: unknown): void;
}

/**
 * What all subscriptions of a thread have in common, held once.
 * @typeParam Member the subscription
 */
export interface Home<Member> {
  readonly id: string;
  readonly joinedFrames: JoinedFrames;
  readonly counters: Counters;
  /** Of parts of big messages. */
  readonly compression: Filled<CompressionOptions>;
  readonly now: () => number;
  /** Undefined where there have been none. */
  readonly streams: StreamRegistry | undefined;
  unsubscribe(subscription: Member): void;
}
