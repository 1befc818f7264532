import type { IncomingHttpHeaders } from 'node:http';
import { isOriginAllowed } from '../actors/gateway/handshake-checks.ts';
import { doorOf, type HubDoor } from '../actors/gateway/hub-door.ts';
import { checkOrigins } from '../actors/gateway/resolve-attach-options.ts';
import { clientIdIn } from '../actors/connection/resolve-accept-options.ts';
import type { AcceptOptions, Connection } from '../api/connection.ts';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Hub } from '../api/hub.ts';
import { Refusal } from '../api/refusal.ts';
import type { Session } from '../api/session.ts';
import type { ServerWebSocket } from '../api/socket.ts';
import { AuthenticationTimeoutError, InvalidOptionError, UnsupportedSocketError } from '../infra/errors.ts';
import { checkNumber, TIMER_RANGE } from '../infra/option-checks.ts';
import { queryOf } from '../infra/socket/request-target.ts';
import { turnAway } from '../infra/socket/ws-link.ts';
import { closeCodes, closingReason, type CloseCode } from '../infra/wire/close-codes.ts';
import type { Answer, ServeOptions } from './options.ts';

/**
 * Options for WebSockets whose handshake another server does. Everything but `authenticate` has a default.
 * @typeParam Request that of the server
 */
export interface AcceptServeOptions<
  Request,
  S extends Session = Session,
  Definition extends ThreadDefinition = never,
> extends Pick<
  ServeOptions<Request, S, Definition>,
  | 'allowedOrigins'
  | 'authenticate'
  | 'authenticateTimeoutMs'
  | 'authorize'
  | 'format'
  | 'onPublish'
  | 'onValue'
  | 'reauthenticate'
> {
  /** Largest frame that the client may send, at most the hub's `maxInputBytes`. @default the hub's maxInputBytes */
  maxInputBytes?: AcceptOptions['maxInputBytes'];
}

/** What a handshake is about. */
interface Target {
  /** Path and query. */
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

const CODES: Readonly<Record<number, CloseCode>> = {
  401: closeCodes.unauthenticated,
  403: closeCodes.forbidden,
  429: closeCodes.rateLimited,
};

/** Makes connections of WebSockets that another server has accepted, with the checks of a handshake of ours. */
export class Acceptor<Request, S extends Session, Definition extends ThreadDefinition> {
  readonly #hub: Hub<Definition>;
  readonly #door: HubDoor;
  readonly #options: AcceptServeOptions<Request, S, Definition>;
  readonly #timeoutMs: number;

  /** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
  constructor(hub: Hub<Definition>, options: AcceptServeOptions<Request, S, Definition>) {
    const door = doorOf(hub);
    if (door === undefined) throw new InvalidOptionError({ option: 'hub', value: hub, expected: 'a hub of createHub' });
    if (typeof options.authenticate !== 'function') {
      throw new InvalidOptionError({ option: 'authenticate', value: options.authenticate, expected: 'a function' });
    }
    checkOrigins(options.allowedOrigins);
    this.#hub = hub;
    this.#door = door;
    this.#options = options;
    this.#timeoutMs = checkNumber('authenticateTimeoutMs', options.authenticateTimeoutMs, 10_000, TIMER_RANGE);
  }

  /** What the application says about the client. Never rejects: a failure is a 503, and an `error` event of the hub. */
  async ask(request: Request, target: Target): Promise<S | Refusal> {
    const { context } = this.#door;
    const { clock } = context.actorOptions;
    const controller = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = clock.setTimeout(() => {
      late.reject(new AuthenticationTimeoutError({ timeoutMs: this.#timeoutMs }));
      controller.abort();
    }, this.#timeoutMs);
    try {
      if (!isOriginAllowed(target, this.#options.allowedOrigins)) return new Refusal(403, 'origin not allowed');
      const answering: Promise<Answer<S>> = (async () => this.#options.authenticate(request, controller))();
      const answer = await Promise.race([answering, late.promise]);
      return answer || new Refusal(401);
    } catch (error) {
      context.report(error);
      return new Refusal(503);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  /** The connection, or the close code that says why there is none. Never throws: a failure is an `error` event of the hub. */
  open(socket: ServerWebSocket, { url }: Target, answer: S | Refusal): Connection | undefined {
    if (answer instanceof Refusal) {
      const { code, reason } = CODES[answer.status] ?? closeCodes.overloaded;
      turnAway(socket, code, closingReason(answer.message) || reason);
      return undefined;
    }
    try {
      return this.#hub.accept(socket, this.#rulesOf(answer, queryOf({ url })));
    } catch (error) {
      turnAway(socket, closeCodes.overloaded.code, closeCodes.overloaded.reason);
      this.#door.context.report(error);
      return undefined;
    }
  }

  /** A WebSocket that is none of the kind that the hub takes. */
  fail(reason: string): void {
    this.#door.context.report(new UnsupportedSocketError({ reason }));
  }

  #rulesOf(first: S, query: URLSearchParams): AcceptOptions<Definition> {
    const { authorize, onPublish, onValue, reauthenticate, format, maxInputBytes } = this.#options;
    let session = first;
    return {
      userId: first.userId,
      data: first.data,
      expiresAt: first.expiresAt,
      clientId: clientIdIn(query),
      format: first.format ?? (query.get('format') === 'plain' ? 'plain' : format),
      maxInputBytes,
      authorize: authorize && (async (threadId) => authorize(session, threadId)),
      onPublish: onPublish && ((message, connection) => onPublish(session, message, connection)),
      onValue: onValue && ((change, connection) => onValue(session, change, connection)),
      reauthenticate:
        reauthenticate &&
        (async (token) => {
          const answer = await reauthenticate(session, token);
          if (answer && !(answer instanceof Refusal)) session = answer;
          return answer;
        }),
    };
  }
}
