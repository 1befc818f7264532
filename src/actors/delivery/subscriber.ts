import type { Entry } from '../../api/entry.ts';
import type { Counters } from '../support/counters.ts';
import type { Filled } from '../../infra/option-checks.ts';
import type { GapReason } from './gap-reason.ts';
import type { Clearance } from './clearance.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { JoinedFrame, JoinedFrames } from './joined-frames.ts';
import type { ThreadValues } from '../values/thread-values.ts';
import type { StreamRegistry } from '../streams/stream-registry.ts';
import type { CompressionOptions } from '../../api/options.ts';

/**
 * The part of a connection that a subscription needs.
 * @typeParam Member the subscription
 */
export interface Subscriber<Member> {
  readonly id: string;
  readonly writer: FrameWriter;
  /** It speaks another protocol than ours: of its threads it gets the streams that it follows, and no message. */
  readonly isFollower: boolean;
  /** Bytes of the writer that the client has certainly received. */
  readonly ackedBytes: number;
  /** False once the socket is gone. */
  readonly isLinkOpen: boolean;
  /** Whether a message for all but this scope is not for this connection. */
  isExcepted(scope: string): boolean;
  /** The connection's subscription in this thread; `joining` while a join is in progress. */
  standing(threadId: string): Member | 'joining' | undefined;
  /** The first pieces of a big message have been written. The rest follow in later turns. */
  goOn(entry: Entry): void;
  /** A traced entry has been fully written. */
  traceWritten(entry: Entry, bytes: number): void;
  /** Joined frames have been written, of which at least one entry is traced. */
  traceRun(run: JoinedFrame): void;
  /** A traced entry was offered to the connection and not fully written. */
  traceMiss(entry: Entry, outcome: 'behind' | 'dropped' | 'evicted'): void;
  /** Whether a part of a big entry may be written. This depends on the socket and on the bytes on their way to the client. */
  admitPart(): Clearance;
  /** A part of a big entry has been written, or of a stream's chunk. */
  followPart(entry: Entry | undefined, isLast: boolean): void;
  /** Whether this subscription may send its big entry in parts now. A connection sends one at a time, so call `endParts` afterwards. */
  beginParts(subscription: Member): boolean;
  endParts(): void;
  /** Whether something is still to be written in another thread of the connection. */
  isBehindElsewhere(threadId: string): boolean;
  /** The next part is compressed; the socket could have accepted it earlier. */
  partReady(): void;
  /** The client is given entries, or text, that it has been given before on this connection: it pays for that. */
  rereads(entries: number, bytes: number): void;
  /** Notifies the client that messages before this position are missing. */
  tellGap(threadId: string, why: GapReason, position: string): void;
  /** Notifies the client that a token stream is over without a final message. */
  tellLost(threadId: string, streamId: string): void;
  /**
   * A visit ended before the end of the log.
   * @param clearance `signal` if the connection has to wait for one; otherwise other subscriptions get their turn first
   */
  fellBehind(subscription: Member, clearance: Clearance): void;
  /** A visit threw. Its half-done work cannot be continued, so the connection ends. */
  onBroken(error: unknown): void;
}

/**
 * What all subscriptions of a thread share.
 * @typeParam Member the subscription
 */
export interface Home<Member> {
  readonly id: string;
  readonly joinedFrames: JoinedFrames;
  readonly counters: Counters;
  /** For parts of big messages. */
  readonly compression: Filled<CompressionOptions>;
  readonly now: () => number;
  /** Undefined until the first stream. */
  readonly streams: StreamRegistry | undefined;
  /** Undefined until a member reads values. */
  readonly values: ThreadValues | undefined;
  openValues(): void;
  unsubscribe(subscription: Member): void;
}
