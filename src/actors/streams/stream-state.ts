import type { Codec } from '../../api/definition.ts';
import type { Canceller } from '../../api/stream.ts';
import type { ReplicaFeed, ReplicaPlace } from './replica-feed.ts';
import { StreamContent } from './stream-content.ts';
import type { TextReader } from './text-reader.ts';

/** The publisher of a stream in this process. */
export interface StreamPublisher {
  /** A client asks to end the stream; false if it may not. */
  cancel(by: Canceller): boolean | Promise<boolean>;
  /** It has been ended, and its final message waits for what was written. */
  readonly isHeld: boolean;
  /** Ends the stream with a mark, because its publisher was silent for too long or the hub shuts down. */
  abort(reason: string): Promise<unknown>;
  /** The final message is in the log, or the thread is closed or `deleted`. */
  onOver(reason: string): void;
}

/** A stream in progress in a thread: its content, and how far each connection is. It is dropped as soon as its final message is logged. */
export class StreamState {
  readonly id: string;
  readonly content: StreamContent;
  /** The stream is aborted when nothing was written for this long. */
  readonly timeoutMs: number;
  /** Undefined if another process publishes it. */
  readonly publisher: StreamPublisher | undefined;
  /** Of the span that makes it. */
  readonly traceparent: string | undefined;
  /** How much each subscription has received, in units; a missing subscription has received nothing. */
  readonly cursors = new Map<TextReader, number>();
  /** Members that still miss big chunks which others have passed: the first one's position, and its next piece. */
  readonly late = new Map<TextReader, { readonly at: number; readonly piece: number }>();
  /** Those that follow it chunk by chunk. */
  readonly views = new Set<{ readonly at: number }>();
  /** When something was last written, on the hub's clock. */
  heardAt: number;
  /** When its content was last offered. */
  toldAt = -Infinity;
  /** When a node message about it was last sent. */
  notedAt = -Infinity;
  /** Another process needs the content from here on. */
  asked: ReplicaPlace | undefined;
  /** Sends it to the other processes. */
  feed: ReplicaFeed | undefined;
  /** Its final message is in the log. */
  isOver = false;
  /** Its final message is on its way to the log. */
  isEnding = false;
  /** The JSON of its big chunks is being parsed. */
  isReading = false;
  /** An attempt to log the final message has failed, but may have succeeded in the log. */
  mayBeLogged = false;
  /** When the other processes were asked for their text because the publisher is presumed dead. */
  orphanedAt: number | undefined;

  constructor(
    threadId: string,
    facts: {
      id: string;
      timeoutMs: number;
      codec?: Codec | undefined;
      publisher?: StreamPublisher | undefined;
      traceparent?: string | undefined;
    },
    now: number,
  ) {
    this.id = facts.id;
    this.timeoutMs = facts.timeoutMs;
    this.publisher = facts.publisher;
    this.traceparent = facts.traceparent;
    this.content = new StreamContent(threadId, facts.id, facts.codec, () => this.#positions());
    this.heardAt = now;
  }

  *#positions(): Generator<number> {
    yield* this.cursors.values();
    for (const { at } of this.views) yield at;
    if (this.feed?.at !== undefined) yield this.feed.at;
  }
}
