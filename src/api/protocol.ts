import type { Meter, Tracer } from '@opentelemetry/api';
import type { Clock } from './clock.ts';
import type { Connection } from './connection.ts';
import type { Codec } from './definition.ts';
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

/** A stream of chunks, as its followers find it. */
export interface FollowedStream extends StreamInProgress {
  /** It has ended a moment ago, and can still be followed. */
  readonly isOver: boolean;
  /** `StreamOptions.traceparent`, from whichever node. */
  readonly traceparent: string | undefined;
}

/** A connection, as its protocol uses it. */
export interface Peer {
  readonly connection: Connection;
  /** What `authenticate` returned, or the last renewal. */
  readonly session: object;
  /** Whether another node may have what this one has not heard of yet. */
  readonly hasOtherNodes: boolean;
  /** Sends a text frame. A client that lets too many of them wait is evicted. */
  say(text: string): void;
  /** Closes the connection. */
  evict(code: number, reason: string): void;
  /** Charges the client's budget, in points of `InputLimits`; false if that evicts it. */
  pay(points: number): boolean;
  /** An `error` event of the hub. */
  report(error: unknown): void;
  /** Joins the thread, without its messages. False if the connection was taken out meanwhile. @throws as `Connection.join` */
  enter(threadId: string): Promise<boolean>;
  /** The streams of chunks in a thread that was entered, the newest last. */
  streams(threadId: string): readonly FollowedStream[];
  /**
   * Follows a stream of a thread that was entered, from its beginning. Returns the function that ends it, or undefined if the stream is not
   * known.
   * @param except positions to leave out, from the first to before the second
   */
  follow(
    threadId: string,
    streamId: string,
    follower: ChunkFollower,
    except?: readonly [from: number, to: number],
  ): (() => void) | undefined;
  /** Asks the stream's publisher to stop; false if it may not. */
  cancel(threadId: string, streamId: string): MaybePromise<boolean>;
  /** Leaves the thread. */
  leave(threadId: string): void;
}

/** What a protocol does on one connection. What it throws ends the connection. */
export interface ProtocolSession {
  /** A frame of the client. The hub reads the client's next one when this is done. */
  take(data: Uint8Array, isBinary: boolean): MaybePromise<void>;
  /** The connection has ended. */
  end(): void;
}

/** The hub, as a protocol finds it. */
export interface ProtocolHost {
  /** An `error` event of the hub. */
  report(error: unknown): void;
  readonly clock: Clock;
  /** As the hub's options have them. */
  readonly tracer: Tracer | undefined;
  readonly meter: Meter | undefined;
}

/** Another protocol than that of `docs/PROTOCOL.md`, on the connections of one path. */
export interface Protocol {
  /** The largest frame of a client, in bytes. A larger one closes the connection with 1009. */
  readonly maxFrameBytes: number;
  /** The codecs of the streams that it follows. */
  readonly codecs: readonly Codec[];
  open(peer: Peer): ProtocolSession;
  /** Called once, when its path is attached. */
  attached?(host: ProtocolHost): void;
}
