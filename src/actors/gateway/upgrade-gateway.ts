import type { IncomingMessage } from 'node:http';
import type { AttachOptions, Session, UpgradeServer } from '../../api/attach.ts';
import type { TimerHandle } from '../../api/clock.ts';
import type { AcceptOptions } from '../../api/connection.ts';
import type { RefusedHandshake, RefusedReason } from '../../api/events.ts';
import type { Format } from '../../api/message.ts';
import { Refusal } from '../../api/refusal.ts';
import type { AcceptedSocket } from '../../api/socket.ts';
import { asError, AuthenticationTimeoutError, TooManyConnectionsError, UpgradeTakenError } from '../../infra/errors.ts';
import { makeUpgrader, type Handshake } from '../../infra/socket/handshake.ts';
import { queryOf } from '../../infra/socket/request-target.ts';
import { routeUpgrades, type Route } from '../../infra/socket/upgrade-router.ts';
import { wsSocketLink } from '../../infra/socket/ws-link.ts';
import type { InputBudgets } from '../connection/input-budgets.ts';
import { clientIdIn } from '../connection/resolve-accept-options.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import { SUBPROTOCOL } from '../connection/wire-protocol.ts';
import type { HubContext } from '../support/context.ts';
import { warnDeveloper } from '../support/development-warning.ts';
import type { Task } from '../support/slice-scheduler.ts';
import { assertSession } from './assert-session.ts';
import { formatAsked, isOriginAllowed, userIdOf } from './handshake-checks.ts';
import { HandshakeBudget } from './handshake-budget.ts';
import { RefusalLog } from './refusal-log.ts';
import { resolveAttach, type GatewaySettings } from './resolve-attach-options.ts';
import { joinFromUrl } from './url-joins.ts';

/** What the gateway needs from its hub, besides the shared context. */
export interface GatewayPort {
  readonly budgets: InputBudgets;
  /** @throws TooManyConnectionsError */
  assertRoom(userId: string | undefined): void;
  accept(socket: AcceptedSocket, options: AcceptOptions): ConnectionActor;
  /**
   * Looks for a place for one more connection of the user by ending dead ones. Resolves when there is a place, or when there can be none.
   */
  makeRoom(userId: string, signal: AbortSignal): Promise<void>;
  /** A handshake was refused: it is counted, and becomes a `refused` event. */
  refused(news: RefusedHandshake): void;
}

/** A hint in the answer, for developers who look at it in the browser's tools. The page cannot see it. */
const ORIGIN_HINT =
  'origin not allowed: list it in allowedOrigins, or let the proxy pass the Host that the browser asked for, with its port';

/** Why a client is refused, and how it is answered. */
interface Denial {
  readonly reason: RefusedReason;
  readonly refusal: Refusal;
}

/** The user, or the address, has used up its budget. */
const SPENT: Denial = { reason: 'rate-limited', refusal: new Refusal(429) };

type Answer = Session | Refusal | false | null | undefined;

/** Answers the upgrade requests of one path: decides which clients may connect and which threads their URL joins. */
export class UpgradeGateway implements Route, Task {
  readonly #context: HubContext;
  readonly #hub: GatewayPort;
  readonly #options: GatewaySettings;
  readonly #unroute: () => void;
  readonly #refusals: RefusalLog;
  readonly #budget: HandshakeBudget;
  /**
   * Handshakes whose `authenticate` has not settled, with their deadlines. They include clients that have gone or were refused meanwhile.
   */
  readonly #pending = new Map<Handshake, TimerHandle>();
  /** Handshakes to be answered in slices of the scheduler: a deploy brings thousands at the same moment. */
  readonly #answers: (() => void)[] = [];
  readonly #upgraders;

  /** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
  constructor(server: UpgradeServer, options: AttachOptions, context: HubContext, hub: GatewayPort) {
    this.#context = context;
    this.#hub = hub;
    this.#options = resolveAttach(options, context.settings);
    const { path, maxPayload, maxFragments, compress } = this.#options;
    this.#budget = new HandshakeBudget(hub.budgets, this.#options);
    this.#refusals = new RefusalLog(path, context.settings.isDevelopment, (news) => hub.refused(news));
    const limits = { maxPayload, maxFragments, compress };
    this.#upgraders = {
      json: makeUpgrader({ protocol: SUBPROTOCOL, ...limits }),
      plain: makeUpgrader({ protocol: undefined, ...limits }),
    };
    this.#unroute = routeUpgrades(server, path, this);
    if (options.authenticate === undefined && context.settings.isDevelopment) {
      warnDeveloper(
        'TC_NO_AUTHENTICATE',
        `attach(server, { path: '${path}' }) without authenticate lets everybody in, as nobody in particular`,
      );
    }
  }

  get isOpen(): boolean {
    return this.#context.status.isRunning;
  }

  /** Answers no more handshakes. Connections stay. */
  detach(): void {
    this.#unroute();
    this.close();
  }

  /** Handshakes that wait for `authenticate` get a 503. */
  close(): void {
    for (const handshake of this.#pending.keys()) {
      this.#stopTimer(handshake);
      this.#refuse(handshake, { reason: 'stopping', refusal: new Refusal(503) });
    }
  }

  /** The cheap checks come first. Never throws. */
  take(handshake: Handshake): void {
    try {
      const denial = this.#assess(handshake.request);
      if (denial === undefined) void this.#admit(handshake);
      else if (!this.#refuse(handshake, denial)) this.#reportTaken(handshake);
    } catch (error) {
      this.#fail(handshake, error);
    }
  }

  missed(request: IncomingMessage, { status }: Refusal): void {
    this.#refusals.note('path', status, request);
  }

  #assess(request: IncomingMessage): Denial | undefined {
    const { allowedOrigins, allowPlain, maxPendingHandshakes } = this.#options;
    if (!isOriginAllowed(request, allowedOrigins)) {
      return { reason: 'origin', refusal: new Refusal(403, ORIGIN_HINT) };
    }
    if (formatAsked(request, allowPlain) === 'refused') {
      return { reason: 'format', refusal: new Refusal(400, 'format not allowed') };
    }
    if (this.#pending.size >= maxPendingHandshakes) return { reason: 'handshakes', refusal: new Refusal(503) };
    const denial = this.#denialOf(undefined);
    return denial ?? (this.#budget.take({ address: this.#budget.addressOf(request) }) ? undefined : SPENT);
  }

  /** Whether the hub has no place for one more connection of this user. */
  #denialOf(userId: string | undefined): Denial | undefined {
    const { status, settings } = this.#context;
    if (!status.isRunning) return { reason: 'stopping', refusal: new Refusal(503) };
    // the other policy makes room when the connection comes
    if (settings.whenFull !== 'reject') return undefined;
    try {
      this.#hub.assertRoom(userId);
      return undefined;
    } catch (error) {
      if (!(error instanceof TooManyConnectionsError)) throw error;
      if (error.userId === undefined) return { reason: 'connections', refusal: new Refusal(503) };
      return { reason: 'user-connections', refusal: new Refusal(429) };
    }
  }

  /** Never rejects. */
  async #admit(handshake: Handshake): Promise<void> {
    const { authenticate, authenticateTimeoutMs } = this.#options;
    const { clock } = this.#context.actorOptions;
    const { request, signal } = handshake;
    this.#pending.set(
      handshake,
      clock.setTimeout(() => this.#late(handshake), authenticateTimeoutMs),
    );
    try {
      const answer = await authenticate(request, { signal });
      this.#stopTimer(handshake);
      const userId = userIdOf(answer);
      const isFull = userId !== undefined && this.#denialOf(userId)?.reason === 'user-connections';
      if (isFull) await this.#hub.makeRoom(userId, signal);
      await this.#inItsTurn(() => this.#answer(handshake, answer));
    } catch (error) {
      if (!signal.aborted) this.#fail(handshake, error);
    } finally {
      this.#stopTimer(handshake);
      this.#pending.delete(handshake);
      this.#reportTaken(handshake);
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
      this.#context.scheduler.add(this);
    });
  }

  run(deadline: number): boolean {
    do this.#answers.shift()?.();
    while (this.#answers.length > 0 && this.#context.now() < deadline);
    return this.#answers.length === 0;
  }

  #late(handshake: Handshake): void {
    if (handshake.isOver) return;
    if (!this.#refuse(handshake, { reason: 'timeout', refusal: new Refusal(503) })) return;
    const { authenticateTimeoutMs } = this.#options;
    this.#context.report(new AuthenticationTimeoutError({ timeoutMs: authenticateTimeoutMs }));
  }

  #stopTimer(handshake: Handshake): void {
    this.#context.actorOptions.clock.clearTimeout(this.#pending.get(handshake));
  }

  /** False if it is already over, or was answered elsewhere. */
  #refuse(handshake: Handshake, { reason, refusal }: Denial, userId?: string): boolean {
    const isRefused = handshake.refuse(refusal);
    if (isRefused) this.#refusals.note(reason, refusal.status, handshake.request, userId);
    return isRefused;
  }

  #reportTaken(handshake: Handshake): void {
    if (handshake.wasTaken) this.#context.report(new UpgradeTakenError({ path: this.#options.path }));
  }

  /** A failure of the library or of the application. */
  #fail(handshake: Handshake, error: unknown): void {
    this.#refuse(handshake, { reason: 'failed', refusal: new Refusal(500) });
    this.#context.report(error);
  }

  #answer(handshake: Handshake, answer: Answer): void {
    if (handshake.isOver || handshake.wasTaken) return;
    if (answer instanceof Refusal) {
      this.#refuse(handshake, { reason: 'application', refusal: answer });
    } else if (answer === false || answer === null || answer === undefined) {
      this.#refuse(handshake, { reason: 'unauthenticated', refusal: new Refusal(401) });
    } else {
      assertSession(answer);
      // nothing can change between this and the accept
      const { userId } = answer;
      const denial = this.#denialOf(userId) ?? (this.#budget.take({ userId }) ? undefined : SPENT);
      if (denial === undefined) this.#open(handshake, answer);
      else this.#refuse(handshake, denial, answer.userId);
    }
  }

  #open(handshake: Handshake, session: Session): void {
    const { request } = handshake;
    const asked = formatAsked(request, this.#options.allowPlain);
    const format = session.format ?? (asked === 'refused' ? undefined : asked) ?? this.#options.format;
    const options = {
      ...this.#acceptOptions(session, format),
      address: this.#budget.addressOf(request),
      clientId: clientIdIn(queryOf(request)),
    };
    const status = handshake.complete(this.#upgraders[format], (webSocket, socket) => {
      const connection = this.#hub.accept((listener) => wsSocketLink(webSocket, socket, listener), options);
      joinFromUrl(connection, queryOf(request));
    });
    if (status !== undefined) this.#refusals.note('malformed', status, request, session.userId);
  }

  /** A separate function, because a closure holds its whole scope: `authorize` lives as long as the connection, the request must not. */
  #acceptOptions(session: Session, format: Format): AcceptOptions {
    const { onPublish, maxPayload } = this.#options;
    return {
      format,
      maxInputBytes: Math.min(maxPayload, this.#context.settings.input.maxInputBytes),
      authorize: (threadId) => this.#options.authorize(session, threadId),
      data: session.data,
      ...(session.userId === undefined ? {} : { userId: session.userId }),
      ...(onPublish && { onPublish: (message, sender) => onPublish(session, message, sender) }),
    };
  }
}
