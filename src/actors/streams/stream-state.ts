import { StreamText } from './stream-text.ts';
import type { TextReader } from './text-reader.ts';
import type { Canceller } from '../../api/stream.ts';

/** Who publishes a stream in this process. */
export interface StreamPublisher {
  /** A client asks for the end; false where it may not. */
  cancel(by: Canceller): boolean | Promise<boolean>;
  /** Ends it with a mark: nobody fed it for its time, or the hub goes away. */
  abort(reason: string): Promise<unknown>;
  /** Its final message is in the log, or the thread is gone. */
  onOver(reason: string): void;
}

/** A stream that is under way in a thread: its text, and how far each connection is. Gone as soon as its final message is logged. */
export class StreamState {
  readonly id: string;
  readonly text: StreamText;
  /** Without anything appended for this long it is aborted. */
  readonly timeoutMs: number;
  /** Undefined where another process publishes it. */
  readonly publisher: StreamPublisher | undefined;
  /** What each subscription has been given, in units; nothing where it is not in here. */
  readonly cursors = new Map<TextReader, number>();
  /** When something was appended last, on the hub's clock. */
  heardAt: number;
  /** When its text was offered last. */
  toldAt = -Infinity;
  /** When the other processes were told of it last. */
  notedAt = -Infinity;
  /** Another process needs the text from here on. */
  askedFrom = Infinity;
  /** Its final message is on its way to the log. */
  isEnding = false;
  /** An attempt to log it has failed, and may have logged it. */
  mayBeLogged = false;
  /** When the other processes were asked for what they have of it, because its publisher is taken for dead. */
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
