import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../api/clock.ts';
import type { ByteHold } from './byte-hold.ts';
import type { OpenSink } from './sink.ts';

/**
 * A request, as the application's callbacks get it: the server's own request object, or for `fetch` an object with these fields. So one
 * `authenticate` serves `hub.attach` as well.
 */
export interface HttpRequest {
  readonly method?: string | undefined;
  /** Path and query. */
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The request that `fetch` was given. */
  readonly source?: Request | undefined;
}

export type HeaderList = Readonly<Record<string, string>>;

/** One request and its answer, of any kind of server. */
export interface Exchange {
  readonly method: string;
  /** Path and query, as the client sent them. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly request: HttpRequest;
  /** The client's address as the socket tells; undefined for a private one, as of a proxy, and where there is no socket. */
  readonly directAddress: string | undefined;
  /** Of the socket. */
  readonly remoteAddress: string | undefined;
  /** Aborted when the client goes, or the answer is over. Made when it is read: most applications never do. */
  readonly signal: AbortSignal;
  /** The client has gone, or the answer is over. */
  readonly isGone: boolean;
  /** Called once then. There is one listener: a later one takes its place. */
  onGone(listener: () => void): void;
  /** False for a request that was sent before an earlier one of its connection was answered: an answer that stays open might never begin. */
  readonly canStream: boolean;
  /**
   * The whole body.
   * @throws Problem if it is larger, or has not come in time
   */
  body(limits: BodyLimits): Promise<Buffer>;
  /**
   * Answers. Nothing is sent if the client has gone.
   * @param onDone called once: when the answer has been sent, or the client has gone
   */
  send(status: number, headers: HeaderList, body?: string | readonly Uint8Array[], onDone?: () => void): void;
  /** Begins an answer that stays open. */
  open(status: number, headers: HeaderList): OpenSink;
  /** Ends it without an answer. */
  abort(): void;
}

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Counts the bytes that are held meanwhile. */
  readonly hold: ByteHold;
}
