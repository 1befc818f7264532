import { closeCodes } from '../../infra/wire/close-codes.ts';
import {
  asError,
  AuthenticationTimeoutError,
  InvalidOptionError,
  ThreadcastError,
  TooManyConnectionsError,
  UpgradeTakenError,
} from '../../infra/errors.ts';
import {
  isSameHost,
  makeUpgrader,
  queryOf,
  routeUpgrades,
  type Handshake,
  type Route,
} from '../../infra/socket/http-upgrade.ts';
import { checkChoice } from '../../infra/option-checks.ts';
import type { IncomingMessage } from 'node:http';
import { Refusal } from '../../api/refusal.ts';
import { wsSocketLink } from '../../infra/socket/ws-link.ts';
import { resolveAttach, type GatewaySettings } from './resolve-attach-options.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { HubContext } from '../support/context.ts';
import { SUBPROTOCOL } from '../connection/wire-protocol.ts';
import type { Task } from '../support/slice-scheduler.ts';
import type { TimerHandle } from '../../api/clock.ts';
import type { Format } from '../../api/message.ts';
import type { AttachOptions, Session, UpgradeServer } from '../../api/attach.ts';
import type { AcceptedSocket } from '../../api/socket.ts';
import type { AcceptOptions } from '../../api/connection.ts';

/** What the front door needs of the hub behind it. */
export interface House {
  readonly engine: HubContext;
  /** @throws TooManyConnectionsError */
  assertRoom(userId: string | undefined): void;
  accept(socket: AcceptedSocket, options: AcceptOptions): ConnectionActor;
}

/** A thread that the URL asks for. */
interface Wish {
  readonly threadId: string;
  readonly from: string | undefined;
}

/** Answers the requests to upgrade of one path: who may come in, and what those may join who came in. */
export class UpgradeGateway implements Route, Task {
  readonly #house: House;
  readonly #options: GatewaySettings;
  readonly #unroute: () => void;
  /** Authentications under way, with their deadlines; also of clients that have gone meanwhile. */
  readonly #pending = new Map<Handshake, TimerHandle>();
  /** Handshakes to be answered in the turns' slices: a deploy brings thousands at the same moment. */
  readonly #answers: (() => void)[] = [];
  readonly #upgraders;

  /** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
  constructor(server: UpgradeServer, options: AttachOptions, house: House) {
    this.#house = house;
    this.#options = resolveAttach(options, house.engine.settings);
    const { maxPayload, maxFragments, compress } = this.#options;
    const limits = { maxPayload, maxFragments, compress };
    this.#upgraders = {
      json: makeUpgrader({ protocol: SUBPROTOCOL, ...limits }),
      plain: makeUpgrader({ protocol: undefined, ...limits }),
    };
    this.#unroute = routeUpgrades(server, this.#options.path, this);
  }

  get isOpen(): boolean {
    return this.#house.engine.isRunning;
  }

  /** Answers no more. Connections stay. */
  detach(): void {
    this.#unroute();
    this.close();
  }

  /** Whoever waits for `authenticate` gets a 503. */
  close(): void {
    for (const handshake of this.#pending.keys()) {
      this.#settle(handshake);
      handshake.refuse(new Refusal(503));
    }
  }

  /** First what costs nothing to find out. Never throws. */
  take(handshake: Handshake): void {
    try {
      const refusal = this.#assess(handshake.request);
      if (refusal !== undefined) handshake.refuse(refusal);
      else void this.#admit(handshake);
    } catch (error) {
      this.#fail(handshake, error);
    }
  }

  #assess(request: IncomingMessage): Refusal | undefined {
    if (!this.#isOriginAllowed(request)) return new Refusal(403, 'origin not allowed');
    if (formatAsked(request, this.#options.allowPlain) === 'refused') return new Refusal(400, 'format not allowed');
    if (this.#pending.size >= this.#options.maxPendingHandshakes) return new Refusal(503);
    return this.#refusalOf(undefined);
  }

  #isOriginAllowed({ headers }: IncomingMessage): boolean {
    const { origin, host } = headers;
    const { allowedOrigins } = this.#options;
    // only browsers send one, and they always do
    if (origin === undefined || allowedOrigins === '*') return true;
    if (allowedOrigins === undefined) return isSameHost(origin, host);
    return typeof allowedOrigins === 'function' ? allowedOrigins(origin) : allowedOrigins.includes(origin);
  }

  /** Whether the hub has no place for one more connection, of this user. */
  #refusalOf(userId: string | undefined): Refusal | undefined {
    const { engine } = this.#house;
    if (!engine.isRunning) return new Refusal(503);
    // the other policy makes room when the connection comes
    if (engine.settings.whenFull !== 'reject') return undefined;
    try {
      this.#house.assertRoom(userId);
      return undefined;
    } catch (error) {
      if (!(error instanceof TooManyConnectionsError)) throw error;
      return new Refusal(error.userId === undefined ? 503 : 429);
    }
  }

  /** Never rejects. */
  async #admit(handshake: Handshake): Promise<void> {
    const { authenticate, authenticateTimeoutMs } = this.#options;
    const { clock } = this.#house.engine.actorOptions;
    const { request, signal } = handshake;
    this.#pending.set(
      handshake,
      clock.setTimeout(() => this.#late(handshake), authenticateTimeoutMs),
    );
    try {
      const answer = await authenticate(request, { signal });
      await this.#inItsTurn(() => this.#answer(handshake, answer));
    } catch (error) {
      if (!signal.aborted) this.#fail(handshake, error);
    } finally {
      this.#settle(handshake);
    }
  }

  /** @throws what the answer throws */
  #inItsTurn(answer: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#answers.push(() => {
        try {
          answer();
          resolve();
        } catch (error) {
          reject(asError(error));
        }
      });
      this.#house.engine.turns.add(this);
    });
  }

  run(deadline: number): boolean {
    do this.#answers.shift()?.();
    while (this.#answers.length > 0 && this.#house.engine.now() < deadline);
    return this.#answers.length === 0;
  }

  #late(handshake: Handshake): void {
    const { authenticateTimeoutMs } = this.#options;
    this.#settle(handshake);
    if (handshake.isOver) return;
    handshake.refuse(new Refusal(503));
    this.#house.engine.report(new AuthenticationTimeoutError({ timeoutMs: authenticateTimeoutMs }));
  }

  #settle(handshake: Handshake): void {
    const timer = this.#pending.get(handshake);
    if (this.#pending.delete(handshake)) this.#house.engine.actorOptions.clock.clearTimeout(timer);
  }

  /** Our own failure, or the application's. */
  #fail(handshake: Handshake, error: unknown): void {
    handshake.refuse(new Refusal(500));
    this.#house.engine.report(error);
  }

  #answer(handshake: Handshake, answer: Session | Refusal | false | null | undefined): void {
    if (handshake.wasTaken) return this.#house.engine.report(new UpgradeTakenError({ path: this.#options.path }));
    if (handshake.isOver) return undefined;
    if (answer instanceof Refusal) return handshake.refuse(answer);
    if (answer === false || answer === null || answer === undefined) return handshake.refuse(new Refusal(401));
    assertSession(answer);
    // nothing can change between this and the accept
    const refusal = this.#refusalOf(answer.userId);
    if (refusal !== undefined) return handshake.refuse(refusal);
    const { request } = handshake;
    const asked = formatAsked(request, this.#options.allowPlain);
    const format = answer.format ?? (asked === 'refused' ? undefined : asked) ?? this.#options.format;
    const options = this.#acceptOptions(answer, format);
    handshake.complete(this.#upgraders[format], (webSocket, socket) => {
      const connection = this.#house.accept((listener) => wsSocketLink(webSocket, socket, listener), options);
      void this.#joinAll(connection, queryOf(request));
    });
  }

  /** Apart, because a closure holds all that is around it: `authorize` lives as long as the connection, the request must not. */
  #acceptOptions(session: Session, format: Format): AcceptOptions {
    const { onPublish, maxPayload } = this.#options;
    return {
      format,
      maxInputBytes: maxPayload,
      authorize: (threadId) => this.#options.authorize(session, threadId),
      data: session.data,
      ...(session.userId === undefined ? {} : { userId: session.userId }),
      ...(onPublish && { onPublish: (message, sender) => onPublish(session, message, sender) }),
    };
  }

  /** A client without our code says in the URL what it wants to join. Never rejects. */
  async #joinAll(connection: ConnectionActor, query: URLSearchParams): Promise<void> {
    const wishes = wishesOf(query);
    if (wishes === undefined) return connection.evict(closeCodes.badMessage);
    try {
      const inbox = query.get('inbox');
      if (inbox !== null && !(await connection.openInbox(positionIn(inbox))))
        return connection.evict(closeCodes.forbidden);
      for (const { threadId, from } of wishes) {
        if (connection.state === 'evicted') return;
        if (!(await connection.mayJoin(threadId))) return connection.evict(closeCodes.forbidden);
        await connection.rejoin(threadId, from);
      }
    } catch (error) {
      if (connection.state === 'evicted') return;
      const isTheirs = error instanceof ThreadcastError && THEIR_ERRORS.has(error.code);
      connection.evict(isTheirs ? closeCodes.badMessage : closeCodes.overloaded);
      if (!isTheirs) this.#house.engine.report(error);
    }
  }
}

/** What a client's URL may be to blame for. */
const THEIR_ERRORS: ReadonlySet<string> = new Set(['TC_INVALID_THREAD_ID', 'TC_INVALID_POSITION']);

/** An empty one is none: what comes from now on. */
const positionIn = (from: string | undefined): string | undefined => (from === '' ? undefined : from);

/** Either no `from`, or one for each `thread`, in the same order; an empty one is none. */
function wishesOf(query: URLSearchParams): readonly Wish[] | undefined {
  const threads = query.getAll('thread');
  const positions = query.getAll('from');
  if (positions.length > 0 && positions.length !== threads.length) return undefined;
  return threads.map((threadId, i) => ({ threadId, from: positionIn(positions[i]) }));
}

/** Who offers the subprotocol speaks it: a `plain` besides contradicts that. */
function formatAsked(request: IncomingMessage, allowPlain: boolean): Format | 'refused' | undefined {
  const asked = queryOf(request).get('format') ?? undefined;
  const offered = request.headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim());
  const speaksJson = offered?.includes(SUBPROTOCOL) ?? false;
  if (asked === 'json' || (asked === undefined && speaksJson)) return 'json';
  if (asked === undefined) return undefined;
  return asked === 'plain' && allowPlain && !speaksJson ? 'plain' : 'refused';
}

/** @throws InvalidOptionError: a type error of the application's, told as what it is */
function assertSession(session: unknown): asserts session is Session {
  if (typeof session !== 'object' || session === null) {
    throw new InvalidOptionError({ option: 'authenticate()', value: session, expected: 'a session, or a refusal' });
  }
  const { userId, format }: { userId?: unknown; format?: unknown } = session;
  if (userId !== undefined && typeof userId !== 'string') {
    throw new InvalidOptionError({ option: 'authenticate().userId', value: userId, expected: 'a string' });
  }
  checkChoice('authenticate().format', format, 'json', ['json', 'plain']);
}
