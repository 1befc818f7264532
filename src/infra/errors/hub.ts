import type { HubState } from '../../api/hub.ts';
import type { ThreadState } from '../../api/thread.ts';
import { ThreadcastError } from './base.ts';

/** `send` or `accept` on a hub that drains or has been closed. */
export class HubClosedError extends ThreadcastError {
  readonly code = 'TC_HUB_CLOSED';
  readonly state: HubState;

  constructor(facts: { state: HubState; action: string }) {
    super(`hub is ${facts.state}: ${facts.action} is refused`);
    this.state = facts.state;
  }
}

/** `send` or `join` on a thread that drains or has been closed. */
export class ThreadClosedError extends ThreadcastError {
  readonly code = 'TC_THREAD_CLOSED';
  readonly threadId: string;
  readonly state: ThreadState;

  constructor(facts: { threadId: string; state: ThreadState; action: string }) {
    super(`thread ${facts.threadId} is ${facts.state}: ${facts.action} is refused`);
    this.threadId = facts.threadId;
    this.state = facts.state;
  }
}

/** A thread id that is not 1 to 256 bytes of UTF-8, has a control character or a lone surrogate, or begins with the reserved `~`. */
export class InvalidThreadIdError extends ThreadcastError {
  readonly code = 'TC_INVALID_THREAD_ID';
  readonly threadId: string;

  constructor(threadId: unknown) {
    const shown = typeof threadId === 'string' ? threadId : `(${typeof threadId})`;
    const why = shown.startsWith('~')
      ? "is reserved: ids that begin with ~ are the library's own (use hub.user(id).send, connection.send)"
      : 'is none: expected 1 to 256 bytes of UTF-8 without control characters or lone surrogates';
    super(`thread id ${JSON.stringify(shown.slice(0, 160))} ${why}`);
    this.threadId = shown;
  }
}

/** `authenticate` did not answer in time; the client got a 503. */
export class AuthenticationTimeoutError extends ThreadcastError {
  readonly code = 'TC_AUTHENTICATION_TIMEOUT';
  readonly timeoutMs: number;

  constructor(facts: { timeoutMs: number }) {
    super(`authenticate had no answer within ${facts.timeoutMs} ms`);
    this.timeoutMs = facts.timeoutMs;
  }
}

/**
 * Another `upgrade` listener of the server has answered a request for the hub's path, or this process has destroyed its socket. A client
 * that goes never causes it. Give that listener only the requests for its own paths (`new WebSocketServer({ noServer: true })` of `ws`), or
 * a server of its own. Or let it do the handshake, and give the hub its WebSockets with `hub.accept`, as with `@fastify/websocket` and the
 * `WsAdapter` of Nest.
 */
export class UpgradeTakenError extends ThreadcastError {
  readonly code = 'TC_UPGRADE_TAKEN';
  readonly path: string;

  constructor(facts: { path: string }) {
    super(
      `another upgrade listener of the server has answered a request for ${facts.path}, or this process has destroyed its ` +
        'socket; let it leave that path alone, or accept its sockets with hub.accept',
    );
    this.path = facts.path;
  }
}

/** A server that never receives an upgrade request. */
export class UnsupportedServerError extends ThreadcastError {
  readonly code = 'TC_UNSUPPORTED_SERVER';
  readonly reason: string;

  constructor(facts: { reason: string }) {
    super(`server cannot be attached to: ${facts.reason}`);
    this.reason = facts.reason;
  }
}

/** The application did not answer about a client's request within `answerTimeoutMs`: the client was refused with this code. */
export class AnswerTimeoutError extends ThreadcastError {
  readonly code = 'TC_ANSWER_TIMEOUT';
  readonly callback:
    | 'authorize'
    | 'onPublish'
    | 'onValue'
    | 'mayCancel'
    | 'reauthenticate'
    | 'schema'
    | 'history.load'
    | 'validateMessages'
    | 'run';
  readonly timeoutMs: number;

  constructor(facts: { callback: AnswerTimeoutError['callback']; timeoutMs: number }) {
    super(`${facts.callback} had no answer within ${facts.timeoutMs} ms`);
    this.callback = facts.callback;
    this.timeoutMs = facts.timeoutMs;
  }
}

/** `onPublish` has answered with more data than fits: the client was refused with this code. The message may have been sent. */
export class AnswerTooLargeError extends ThreadcastError {
  readonly code = 'TC_ANSWER_TOO_LARGE';
  /** Of the data's JSON. */
  readonly bytes: number;
  readonly limit: number;

  constructor(facts: { bytes: number; limit: number }) {
    super(`an answer has ${facts.bytes} bytes of at most ${facts.limit}`);
    this.bytes = facts.bytes;
    this.limit = facts.limit;
  }
}
