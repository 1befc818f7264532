import { StreamText } from './stream-text.ts';
import type { TextReader } from './text-reader.ts';
import type { Canceller } from '../../api/stream.ts';

/** The publisher of a stream in this process. */
export interface StreamPublisher {
  /** A client asks to end the stream; false if it may not. */
  cancel(by: Canceller): boolean | Promise<boolean>;
  /** Ends the stream with a mark, because its publisher was silent for too long or the hub shuts down. */
  abort(reason: string): Promise<unknown>;
  /** The final message is in the log, or the thread is closed. */
  onOver(reason: string): void;
}

/** A stream in progress in a thread: its text, and how far each connection is. It is dropped as soon as its final message is logged. */
export class StreamState {
  readonly id: string;
  readonly text: StreamText;
  /** The stream is aborted when nothing was appended for this long. */
  readonly timeoutMs: number;
  /** Undefined if another process publishes it. */
  readonly publisher: StreamPublisher | undefined;
  /** How much each subscription has received, in units; a missing subscription has received nothing. */
  readonly cursors = new Map<TextReader, number>();
  /** When text was last appended, on the hub's clock. */
  heardAt: number;
  /** When its text was last offered. */
  toldAt = -Infinity;
  /** When a node message about it was last sent. */
  notedAt = -Infinity;
  /** Another process needs the text from here on. */
  askedFrom = Infinity;
  /** Its final message is on its way to the log. */
  isEnding = false;
  /** An attempt to log the final message has failed, but may have succeeded in the log. */
  mayBeLogged = false;
  /** When the other processes were asked for their text because the publisher is presumed dead. */
  orphanedAt: number | undefined;

  constructor(
    threadId: string,
    facts: { id: string; timeoutMs: number; publisher?: StreamPublisher | undefined },
    now: number,
  ) {
    this.id = facts.id;
    this.timeoutMs = facts.timeoutMs;
    this.publisher = facts.publisher;
    this.text = new StreamText(threadId, facts.id);
    this.heardAt = now;
  }
}
