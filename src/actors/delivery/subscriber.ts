import type { LogTail } from '../../infra/log/delivery-log.ts';
import type { Entry } from '../../infra/log/entry.ts';
import type { Frame } from '../../infra/wire/frames.ts';
import type { Position } from '../../infra/log/ids.ts';
import type { Counters } from '../hub/counters.ts';
import type { Filled } from '../../infra/option-checks.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { JoinedFrame, JoinedFrames } from './joined-frames.ts';
import type { StreamRegistry } from '../streams/stream-registry.ts';
import type { Subscription } from './subscription.ts';
import type { CompressionOptions } from '../../api/options.ts';

/**
 * Why something is missing: trimmed from the log before it was delivered; another life of the log; or the position is not in the
 * log's history, because the log lost its newest entries (`fork`), and has not come that far again (`ahead`).
 */
export type GapReason = 'trimmed' | 'epoch' | 'fork' | 'ahead';

/** Whose subscription it is, as far as a subscription has to know. */
export interface Subscriber {
  readonly id: string;
  readonly outbox: FrameWriter;
  /** Bytes of the outbox that the peer has received for certain. */
  readonly ackedBytes: number;
  /** An entry's frame has been written, and there is more to it: it is traced, or big and not written to its end. */
  followUp(entry: Entry, frame: Frame): void;
  /** A run has been written of which an entry is traced. */
  traceRun(run: JoinedFrame): void;
  /** A traced entry was offered to it and not written. */
  traceMiss(entry: Entry, outcome: 'behind' | 'dropped'): void;
  /** Whether a part of a big entry may be written now; where not, though the outbox can write, another turn follows. */
  mayWritePart(): boolean;
  /** A part of a big entry has been written. */
  followPart(entry: Entry, isLast: boolean): void;
  /** Whether this subscription's big entry may go out in parts now: one of a connection at a time, so `endParts` must follow. */
  beginParts(subscription: Subscription): boolean;
  endParts(): void;
  /** The next part has been made; later than it could have been written. */
  partReady(): void;
  /** Tells the client that something is missing before this position. */
  tellGap(threadId: string, why: GapReason, position: string): void;
  /** Tells the client that a token stream is over without a final message. */
  tellLost(threadId: string, streamId: string): void;
  /** A visit ended before the end of the log: the socket takes no more, or others are to have their turn. */
  fellBehind(subscription: Subscription): void;
  /** A visit threw: what it has left half done cannot be gone on with, so the connection ends. */
  onBroken(error: unknown): void;
}

/** What all subscriptions of a thread have in common, held once. */
export interface Home {
  readonly id: string;
  readonly runs: JoinedFrames;
  readonly counters: Counters;
  /** Of parts of big messages. */
  readonly compression: Filled<CompressionOptions>;
  readonly now: () => number;
  /** Undefined where there have been none. */
  readonly streams: StreamRegistry | undefined;
  unsubscribe(subscription: Subscription): void;
}

/** The position of an offset; its id is known where the entry is held, or the newest. */
export function positionIn(tail: LogTail, offset: number): Position {
  return { epoch: tail.epoch, offset, id: offset === tail.head ? tail.headId : (tail.at(offset)?.id ?? '') };
}
