import type { Connection } from './connection.ts';
import type { MaybePromise } from './message.ts';
import type { StreamInProgress } from './stream.ts';

/** Gets one stream chunk by chunk. Each chunk becomes one frame: `head`, the chunk's JSON, `tail`. */
export interface ChunkFollower {
  /** @param count chunks before this one: 0 for the first */
  head(count: number): string;
  readonly tail: string;
  /**
   * Nothing more comes: the stream has ended, or `lost` means that what follows is not known any more.
   * @param facts how many chunks there were, and the stream's last one
   */
  onEnd(how: 'over' | 'lost', facts: { readonly chunks: number; readonly last: unknown }): void;
}

/** A connection, as its protocol uses it. */
export interface Peer<Data = unknown> {
  readonly connection: Connection<Data>;
  /** The session that `authenticate` returned, or the last one after a renewal. */
  readonly session: unknown;
  /** Sends a text frame. A client that lets too many of them wait is evicted. */
  say(text: string): void;
  /** Closes the connection with this code. */
  evict(code: { readonly code: number; readonly reason: string }): void;
  /** Charges the client's budget, in points; false if that evicts it. */
  pay(points: number): boolean;
  /** Joins the thread, without its messages. @throws as `Connection.join` */
  enter(threadId: string): Promise<void>;
  /** Streams in progress there, and the newest one that ended a moment ago. */
  streams(threadId: string): readonly (StreamInProgress & { readonly isOver: boolean })[];
  /**
   * Follows a stream of a thread that the connection has entered, from its beginning. Returns the function that ends it, or undefined if the
   * stream is not known.
   * @param except positions to leave out
   */
  follow(
    threadId: string,
    streamId: string,
    follower: ChunkFollower,
    except?: readonly [from: number, to: number],
  ): (() => void) | undefined;
  /** Leaves the thread if nothing is followed there. */
  leaveIfUnused(threadId: string): void;
}

/** What a protocol does on one connection. Never throws. */
export interface ProtocolSession {
  /** A frame of the client. The hub reads the next one when this is done. */
  take(data: Uint8Array, isBinary: boolean): MaybePromise<void>;
  /** The connection has ended. */
  end(): void;
}

/** Another protocol than that of `docs/PROTOCOL.md`, on the connections of one path. */
export interface Protocol {
  /** The largest frame of a client, in bytes. */
  readonly maxFrameBytes: number;
  open(peer: Peer): ProtocolSession;
}
