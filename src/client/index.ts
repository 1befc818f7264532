import { ThreadcastClient } from './client.ts';
import { resolveOptions, type ConnectOptions } from './options.ts';
import type { Client } from './api.ts';

export type {
  Client,
  ClientEvents,
  ClientStream,
  ClientThread,
  Gap,
  HistoryOptions,
  Inbox,
  InboxEvents,
  Joined,
  JoinOptions,
  Left,
  LogChange,
  Message,
  Older,
  OlderMessage,
  Progress,
  Removed,
  Replaced,
  Published,
  AnsweredIn,
  PublishedAs,
  SignIn,
  PublishOptions,
  ThreadEvents,
  VolatilePublishOptions,
} from './api.ts';
export type { Backoff } from './backoff.ts';
export type { ClientClock } from './clock.ts';
export {
  ClientClosedError,
  ConnectionFailingError,
  ConnectionRefusedError,
  InvalidOptionError,
  InvalidThreadIdError,
  JoinRefusedError,
  MalformedFrameError,
  MessageTooLargeError,
  PublishQueueFullError,
  PublishRefusedError,
  PublishTimeoutError,
  ServerError,
  ThreadcastClientError,
  UnserializableMessageError,
} from './errors.ts';
export type { Other, RefusedPublish } from './errors.ts';
export type { ConnectOptions, Token } from './options.ts';
export type { OpenSocket, Transport, WebSocketConstructor, WebSocketLike } from './socket.ts';
export type { ClientState, StateChange } from './connection-states.ts';

/**
 * Connects to a hub, and stays connected until `close()` or until the server says never to reconnect.
 *
 * ```ts
 * const client = connect('wss://example.org/ws', { token: () => fetchToken() });
 * for await (const { data } of client.join('t1')) show(data);
 * ```
 *
 * @param url `ws:` or `wss:`
 * @throws InvalidOptionError (`TC_INVALID_OPTION`), also for a URL that the WebSocket constructor rejects
 */
export function connect(url: string | { toString(): string }, options: ConnectOptions = {}): Client {
  return new ThreadcastClient(resolveOptions(url, options));
}
