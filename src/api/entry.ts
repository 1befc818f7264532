import type { Context, SpanContext } from '@opentelemetry/api';
import type { Body } from './body.ts';
import type { Format, Lane } from './message.ts';
import type { Piece, WindowBits } from './socket.ts';

/** `ahead` is a critical entry that overtakes: same message, but it does not move the client's position. */
export type FrameClass = Format | 'ahead';

/**
 * The exact bytes of one WebSocket message for one frame class, ready to be written to any number of sockets. Frames from a server are not
 * masked (RFC 6455 section 5.1), so every connection gets the same bytes.
 */
export interface Frame {
  readonly pieces: readonly Piece[];
  /** Sum of all pieces. */
  readonly bytes: number;
  /** The body whose pooled memory the pieces point into, retained while they are unsent; undefined for a small frame. */
  readonly body: Body | undefined;
}

/** How a delivery went, for the budget of spans. */
export type SpanBudget = 'written' | 'failed' | 'late';

/** A recorded message: the parent of its other spans, the target of later deliveries' links, and how many spans it may still have. */
export interface MessageTrace {
  /** Of the publish span, possibly of another process. */
  readonly origin: SpanContext;
  /** Parent of the spans in this process. */
  readonly context: Context;
  /** Of the publish span, for the wire and for other processes. */
  readonly traceparent: string;
  /** Published by another process, and not taken over by a `process thread` span. */
  readonly isForeign: boolean;
  /** Deliveries of the fan-out for which no span was left. */
  readonly omitted: number;
  /** Whether one more delivery of this kind may have a span, up to `limit`. */
  take(budget: SpanBudget, limit: number): boolean;
}

/** The hub's record of a sent message, kept on its entry as long as the sender may ask. A log passes it from the draft to the entry. */
export interface DeliveryTally {
  /** The message's fan-out is not over. */
  readonly isAwaited: boolean;
  /** @param isRecipient the connection was in the thread when the message was logged */
  noteWritten(reader: object, isRecipient: boolean): void;
  /** @param isRecipient the connection was in the thread when the message was logged */
  noteSkipped(reader: object, isRecipient: boolean): void;
  /** The connection ended when only a piece of the message had been written. */
  noteCut(reader: object): void;
}

/**
 * What an entry is:
 *
 * - `message`
 * - `replace`: a newer version of a message, which the log also puts in its place.
 * - `remove`: the mark that a message has been erased, with an empty body.
 * - `notice`: of one process to the others. No client gets it, and it is in no history. Each process that holds the thread reads it as it
 *   reads messages: once, in order, also after it was cut off.
 */
export type EntryKind = 'message' | 'replace' | 'remove' | 'notice';

/** A message that is ready to be logged. A log keeps every field; it reads `id`, `lane`, `key`, `expiresAt`, `kind`, `target` and the body. */
export interface EntryDraft {
  readonly threadId: string;
  readonly id: string;
  readonly lane: Lane;
  readonly body: Body;
  /** The compressed body for each window size that a connection of the thread has negotiated. Not sent to other processes. */
  readonly deflated?: ReadonlyMap<WindowBits, Body> | undefined;
  /** @default 'message' */
  readonly kind?: EntryKind | undefined;
  /** Id of the message that this one replaces or removes. */
  readonly target?: string | undefined;
  /** The log holds a newer version of the message in its place. @default false */
  readonly isEdited?: boolean | undefined;
  /** Names the connection, client or user that does not get the message. A log keeps it as it is. */
  readonly except?: string | undefined;
  /** The same message is in other threads, under the same id: a client takes it once. A log keeps it as it is. @default false */
  readonly isShared?: boolean | undefined;
  /** Conflation key: a newer entry with the same key supersedes this one. */
  readonly key?: string | undefined;
  /** When it was logged, in milliseconds since 1970, if that was in another process. @default now */
  readonly at?: number | undefined;
  /** When it stops being worth delivering, on the hub's clock; Infinity for never. */
  readonly expiresAt: number;
  /** The publish span, if it is recorded. Not sent to other processes. */
  readonly trace?: MessageTrace | undefined;
  /** The same as text, for the envelope and for other processes: a shared log stores it. */
  readonly traceparent?: string | undefined;
  /** The record for the message's sender. Not sent to other processes. */
  readonly tally?: DeliveryTally | undefined;
}

/** A big message as `part` frames, for clients that asked for them. */
export interface EntryParts {
  /** Number of parts. */
  readonly count: number;
  /** A reader begins: the body stays alive. */
  enter(): void;
  /** A reader has reached the end, or gives up. */
  leave(): void;
  /** The whole frame of part `n`, counted from 0; only between `enter` and `leave`. */
  frame(n: number): Uint8Array;
  /** The same parts, each compressed; only between `enter` and `leave`. */
  deflated(window: WindowBits, level: number): DeflatedEntryParts;
}

/** The parts of a big message, each compressed by itself for one window size. */
export interface DeflatedEntryParts {
  /** The whole frame of part `n`, or undefined while it is being compressed; then `onReady` gets it. */
  frame(n: number, onReady: (frame: Uint8Array) => void): Uint8Array | undefined;
}

/**
 * One message in the log, with its frames, each encoded once for all connections that need it. `makeEntry` of `threadcast` creates one. A
 * log decides about offset and time, and releases it with `release`.
 */
export interface Entry extends EntryDraft {
  /** 1 for the first entry of an epoch; 0 for a volatile one, which is in no log. */
  readonly offset: number;
  readonly kind: EntryKind;
  readonly isEdited: boolean;
  readonly isShared: boolean;
  /** An edit or a removal has that of its target: set by the log. */
  except: string | undefined;
  /** Offset of the message that it replaces or removes, where that is held: set by the log. */
  targetOffset: number | undefined;
  /** Replaced when the process takes over an entry that another process has published. */
  trace: MessageTrace | undefined;
  /** When it was logged, in milliseconds since 1970: clients get it. Of an edited message, when its first version was logged. */
  readonly at: number;
  /** When it was logged, on the hub's clock. */
  readonly loggedAt: number;
  /** A newer entry supersedes it: set by the log, which then releases it. Its offset stays taken. */
  isSuperseded: boolean;
  /** Its fan-out is over: connections that receive it from now on are catching up. Set by the hub. */
  isOffered: boolean;
  /** Replaced likewise, and when the fan-out is over. Set by the hub. */
  tally: DeliveryTally | undefined;
  /** Memory that the log holds for it: its bytes, compressed ones included, and the overhead of the entry. */
  readonly heldBytes: number;
  /** Big enough to be sent in parts. */
  readonly isInParts: boolean;
  /** For clients that read text: of a message of bytes, parts of its base64. */
  readonly parts: EntryParts;
  /** For clients that take bytes: of a message of bytes, parts of these. Of any other message, the same as `parts`. */
  readonly binaryParts: EntryParts;
  /** False if no connection that is behind needs it any more. */
  isDeliverable(now: number): boolean;
  /**
   * @param window the negotiated window; without it, or if compression does not make the message smaller, the frame is plain
   * @param takesBytes the client reads binary messages: one of bytes comes as such, not as base64. @default false
   */
  frame(frameClass: FrameClass, window?: WindowBits, takesBytes?: boolean): Frame;
  /** Its fan-out is over: it keeps the bytes of its frame, and not the objects around them, which most entries need only once. */
  rest?(): void;
  /** Releases the log's reference to the bodies: the entry must not be read after this. */
  release(): void;
}
