import type { Context as SpanParent } from '@opentelemetry/api';

export type MaybePromise<T> = T | Promise<T>;

/**
 * How urgent a message is. `critical` overtakes for whoever is behind; `normal` is the default; `volatile` is not logged:
 * offered now, or dropped and counted.
 */
export type Lane = 'critical' | 'normal' | 'volatile';

/** What a connection speaks: `json` is the wire protocol, `plain` the bare message JSON. */
export type Format = 'json' | 'plain';

/** How one message is sent. */
export interface SendOptions {
  /** @default 'normal' */
  lane?: Lane | undefined;
  /** Conflation key: whoever is behind gets only the newest message with the same key. @default none */
  conflate?: string | undefined;
  /** After this time the message is not delivered any more to whoever is behind. @default never */
  expiresInMs?: number | undefined;
  /** Id of the message, `^[\w.:-]{1,128}$`: a second send with the same one is answered with the first's position. @default random */
  idempotencyKey?: string | undefined;
  /**
   * Takes a big message as it is at the call, in one go: that may block the event loop for 10 ms for each megabyte. Without it
   * the message belongs to the hub until `send` resolves. @default false
   */
  snapshot?: boolean | undefined;
  /** Parent of the publish span. @default the active context */
  traceContext?: SpanParent | undefined;
  /**
   * A W3C `traceparent` of what led to this message, as `onPublish` and `message` listeners are given it: becomes a link of the publish span, never its
   * parent, so that a client cannot decide what is sampled. What is none is ignored. @default none
   */
  traceLink?: string | undefined;
}
