import type { IncomingMessage } from 'node:http';
import type { AttachOptions, UpgradeServer } from '../../api/attach.ts';
import type { RefusedReason } from '../../api/events.ts';
import type { Format, MaybePromise } from '../../api/message.ts';
import { Refusal } from '../../api/refusal.ts';
import type { Session } from '../../api/session.ts';
import { AuthenticationTimeoutError, TooManyConnectionsError, UpgradeTakenError } from '../../infra/errors.ts';
import { makeUpgrader, type Handshake } from '../../infra/socket/handshake.ts';
import { queryOf } from '../../infra/socket/request-target.ts';
import { watchAccepts } from '../../infra/socket/accept-watch.ts';
import { routeUpgrades, type Route } from '../../infra/socket/upgrade-router.ts';
import { wsSocketLink } from '../../infra/socket/ws-link.ts';
import { clientIdIn, takesBytesIn, type ConnectionSettings } from '../connection/resolve-accept-options.ts';
import { SUBPROTOCOL } from '../connection/wire-protocol.ts';
import type { HubContext } from '../support/context.ts';
import { isThenable } from '../support/callback-deadline.ts';
import { warnDeveloper } from '../support/development-warning.ts';
import type { Task } from '../support/slice-scheduler.ts';
import { wallTime } from '../../infra/time/clock.ts';
import { assertSession } from '../connection/assert-session.ts';
import { formatAsked, isOriginAllowed, userIdOf } from './handshake-checks.ts';
import type { GatewayPort } from './gateway-port.ts';
import { HandshakeBudget } from './handshake-budget.ts';
import { PendingHandshakes } from './pending-handshakes.ts';
import { AuthenticationContext } from './authentication-context.ts';
import { ReadableRefusals } from './readable-refusals.ts';
import { RefusalLog } from './refusal-log.ts';
import { resolveAttach, type GatewaySettings } from './resolve-attach-options.ts';
import { joinFromUrl } from './url-joins.ts';

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

/** A handshake that passed the first checks, with what its request says. */
interface Arrival {
  readonly handshake: Handshake;
  readonly query: URLSearchParams;
  /** Undefined if it asks for none. */
  readonly format: Format | undefined;
  /** The address that counts for the limit by address, if any. */
  readonly address: string | undefined;
}

/** Answers the upgrade requests of one path: decides which clients may connect and which threads their URL joins. */
export class UpgradeGateway implements Route, Task {
  readonly #context: HubContext;
  readonly #hub: GatewayPort;
  readonly #options: GatewaySettings;
  readonly #unroute: () => void;
  readonly #refusals: RefusalLog;
  readonly #budget: HandshakeBudget;
  readonly #pending: PendingHandshakes;
  readonly #readable: ReadableRefusals;
  /** Handshakes to be answered in slices of the scheduler: a deploy brings thousands at the same moment. */
  readonly #answers: { readonly arrival: Arrival; readonly answer: Answer }[] = [];
  readonly #upgraders;

  /** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
  constructor(server: UpgradeServer, options: AttachOptions, context: HubContext, hub: GatewayPort) {
    this.#context = context;
    this.#hub = hub;
    this.#options = resolveAttach(options, context.settings);
    const { path, maxPayload, maxFragments, compress, authenticateTimeoutMs } = this.#options;
    const { clock } = context.actorOptions;
    this.#pending = new PendingHandshakes(clock, authenticateTimeoutMs, (handshake) => this.#late(handshake));
    this.#budget = new HandshakeBudget(hub.budgets, this.#options);
    this.#refusals = new RefusalLog(path, context.settings.isDevelopment, (news) => hub.refused(news));
    const limits = { maxPayload, maxFragments, compress };
    this.#upgraders = {
      json: makeUpgrader({ protocol: SUBPROTOCOL, ...limits }),
      plain: makeUpgrader({ protocol: undefined, ...limits }),
    };
    this.#readable = new ReadableRefusals(clock, this.#upgraders.json);
    const unroute = routeUpgrades(server, path, this);
    const unwatch = watchAccepts(server, context.sender.sender);
    this.#unroute = () => (unroute(), unwatch());
    const { tracer, meter } = context.settings;
    this.#options.protocol?.attached?.({
      report: (error) => context.report(error),
      clock: context.clock,
      tracer,
      meter,
    });
    if (options.authenticate === undefined && context.settings.isDevelopment) {
      warnDeveloper(
        'TC_NO_AUTHENTICATE',
        `attach(server, { path: '${path}' }) without authenticate accepts every client, without a user id`,
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

  /** Handshakes that wait for `authenticate`, or for their turn, get a 503. */
  close(): void {
    const waiting = [...this.#pending.all, ...this.#answers.map(({ arrival }) => arrival.handshake)];
    for (const handshake of waiting) {
      this.#pending.settled(handshake);
      this.#refuse(handshake, { reason: 'stopping', refusal: new Refusal(503) });
    }
  }

  /** The cheap checks come first. Never throws. */
  take(handshake: Handshake): void {
    if (handshake.isPipelined) return this.#drop(handshake);
    try {
      const assessed = this.#assess(handshake);
      if (!('reason' in assessed)) this.#authenticate(assessed);
      else if (!this.#refuse(handshake, assessed)) this.#reportTaken(handshake);
    } catch (error) {
      this.#fail(handshake, error);
    }
  }

  #drop(handshake: Handshake): void {
    handshake.drop();
    this.#refusals.note('malformed', 400, handshake.request);
  }

  missed(request: IncomingMessage, { status }: Refusal): void {
    this.#refusals.note('path', status, request);
  }

  #assess(handshake: Handshake): Denial | Arrival {
    const { request } = handshake;
    const { allowedOrigins, allowPlain, maxPendingHandshakes } = this.#options;
    if (!isOriginAllowed(request, allowedOrigins)) {
      return { reason: 'origin', refusal: new Refusal(403, ORIGIN_HINT) };
    }
    const query = queryOf(request);
    const format = formatAsked(request, query, allowPlain);
    if (format === 'refused') return { reason: 'format', refusal: new Refusal(400, 'format not allowed') };
    const waiting = this.#pending.size + this.#answers.length;
    if (waiting >= maxPendingHandshakes) return { reason: 'handshakes', refusal: new Refusal(503) };
    const denial = this.#denialOf(undefined);
    if (denial !== undefined) return denial;
    const address = this.#budget.addressOf(request);
    return this.#budget.take({ address }) ? { handshake, query, format, address } : SPENT;
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

  /** @throws what the application's function throws at once */
  #authenticate(arrival: Arrival): void {
    const { handshake } = arrival;
    const answer = this.#options.authenticate(handshake.request, new AuthenticationContext(handshake));
    if (isThenable(answer) || this.#isUserFull(answer)) void this.#settle(arrival, answer);
    else this.#enqueue(arrival, answer);
  }

  /** Never rejects. */
  async #settle(arrival: Arrival, answering: MaybePromise<Answer>): Promise<void> {
    const { handshake } = arrival;
    this.#pending.add(handshake);
    try {
      const answer = await answering;
      this.#pending.settled(handshake);
      const userId = userIdOf(answer);
      if (userId !== undefined && this.#isUserFull(answer)) await this.#hub.makeRoom(userId, handshake.signal);
      this.#enqueue(arrival, answer);
    } catch (error) {
      this.#fail(handshake, error);
    } finally {
      this.#pending.delete(handshake);
    }
  }

  #isUserFull(answer: unknown): boolean {
    const userId = userIdOf(answer);
    return userId !== undefined && this.#denialOf(userId)?.reason === 'user-connections';
  }

  /** The answer comes after the `upgrade` event, because other listeners of the event may take the socket. */
  #enqueue(arrival: Arrival, answer: Answer): void {
    this.#answers.push({ arrival, answer });
    this.#context.scheduler.add(this);
  }

  run(deadline: number): boolean {
    do {
      const next = this.#answers.shift();
      if (next === undefined) break;
      const { handshake } = next.arrival;
      try {
        this.#answer(next.arrival, next.answer);
        this.#reportTaken(handshake);
      } catch (error) {
        this.#fail(handshake, error);
      }
    } while (this.#context.now() < deadline);
    return this.#answers.length === 0;
  }

  #late(handshake: Handshake): void {
    if (handshake.isOver) return;
    if (!this.#refuse(handshake, { reason: 'timeout', refusal: new Refusal(503) })) return;
    const { authenticateTimeoutMs } = this.#options;
    this.#context.report(new AuthenticationTimeoutError({ timeoutMs: authenticateTimeoutMs }));
  }

  /** False if it is already over, or was answered elsewhere. */
  #refuse(handshake: Handshake, { reason, refusal }: Denial, userId?: string): boolean {
    const isRefused = this.#readable.refuse(handshake, reason, refusal);
    if (isRefused) this.#refusals.note(reason, refusal.status, handshake.request, userId);
    return isRefused;
  }

  #reportTaken(handshake: Handshake): void {
    if (handshake.wasTaken) this.#context.report(new UpgradeTakenError({ path: this.#options.path }));
  }

  /** A failure of the library or of the application. It is not reported if the client has gone. */
  #fail(handshake: Handshake, error: unknown): void {
    if (!handshake.isGone) {
      this.#refuse(handshake, { reason: 'failed', refusal: new Refusal(500) });
      this.#context.report(error);
    }
    this.#reportTaken(handshake);
  }

  #answer(arrival: Arrival, answer: Answer): void {
    const { handshake } = arrival;
    if (handshake.isOver || handshake.wasTaken) return;
    if (answer instanceof Refusal) {
      this.#refuse(handshake, { reason: 'application', refusal: answer });
    } else if (answer === false || answer === null || answer === undefined) {
      this.#refuse(handshake, { reason: 'unauthenticated', refusal: new Refusal(401) });
    } else {
      assertSession(answer, wallTime(this.#context.clock));
      // nothing can change between this and the accept
      const denial = this.#denialOf(answer.userId) ?? (this.#budget.take(answer) ? undefined : SPENT);
      if (denial === undefined) this.#open(arrival, answer);
      else this.#refuse(handshake, denial, answer.userId);
    }
  }

  #open(arrival: Arrival, session: Session): void {
    const { handshake, query } = arrival;
    const { protocol, format: usual } = this.#options;
    const format = protocol === undefined ? (session.format ?? arrival.format ?? usual) : 'plain';
    const status = handshake.complete(this.#upgraders[format], (webSocket, socket) => {
      const settings = this.#settingsOf(arrival, session, format);
      const { sender } = this.#context.sender;
      const connection = this.#hub.accept((listener) => wsSocketLink(webSocket, socket, listener, sender), settings);
      if (protocol === undefined) joinFromUrl(connection, query);
    });
    if (status !== undefined) this.#refusals.note('malformed', status, handshake.request, session.userId);
  }

  #settingsOf({ query, address }: Arrival, session: Session, format: Format): ConnectionSettings {
    const { protocol, maxInputBytes } = this.#options;
    return {
      id: this.#context.newId(),
      userId: session.userId,
      clientId: clientIdIn(query),
      takesBytes: takesBytesIn(query),
      format,
      address,
      protocol,
      maxInputBytes,
      rules: this.#options,
      session,
    };
  }
}
