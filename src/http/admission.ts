import type { RefusedReason } from '../api/events.ts';
import { Refusal } from '../api/refusal.ts';
import { isOriginAllowed } from '../actors/gateway/handshake-checks.ts';
import type { HubDoor } from '../actors/gateway/hub-door.ts';
import { wallTime } from '../infra/time/clock.ts';
import { assertSession } from '../actors/connection/assert-session.ts';
import { costs } from '../actors/connection/input-costs.ts';
import type { ClientRules, ConnectionSettings } from '../actors/connection/resolve-accept-options.ts';
import { clientIdIn } from '../actors/connection/resolve-accept-options.ts';
import { AuthenticationTimeoutError, InvalidOptionError, TooManyConnectionsError } from '../infra/errors.ts';
import { withDeadline } from '../actors/support/callback-deadline.ts';
import { checkText, isAllowed } from '../infra/option-checks.ts';
import { clientNetwork } from '../infra/socket/client-address.ts';
import { pathOf, queryOf } from '../infra/socket/request-target.ts';
import type { Exchange } from './exchange.ts';
import type { HttpSession, HttpSettings } from './options.ts';
import { codeOf } from '../actors/connection/publishing.ts';
import { Problem, RETRY_AFTER_S } from './problem.ts';
import { allows, patternsIn } from './thread-patterns.ts';

/** A request whose client is known. */
export interface Visitor {
  readonly session: HttpSession;
  readonly userId: string | undefined;
  readonly address: string | undefined;
}

/** A refusal that is counted, and becomes a `refused` event. */
class Refused extends Problem {
  readonly reason: RefusedReason;

  constructor(reason: RefusedReason, status: number, code: string, detail?: string) {
    const isLater = status === 429 || status === 503;
    // RFC 9110 section 15.5.2 requires it; browsers show no dialog for it
    const ofToken = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
    super(status, code, detail, { headers: isLater ? { 'retry-after': String(RETRY_AFTER_S) } : ofToken });
    this.reason = reason;
  }
}

/** Decides who may ask: origin, budgets, `authenticate`, places for connections. */
export class Admission {
  readonly #door: HubDoor;
  readonly #settings: HttpSettings;
  readonly rules: ClientRules;

  constructor(door: HubDoor, settings: HttpSettings) {
    this.#door = door;
    this.#settings = settings;
    const { onPublish, onValue, reauthenticate } = settings;
    this.rules = {
      authorize: (session, threadId) => this.#mayEnter(session, threadId),
      onPublish,
      onValue,
      reauthenticate: reauthenticate && ((session, token) => reauthenticate(session, token)),
    };
  }

  /** @throws Problem if the page may not ask, and what the application's predicate throws */
  assertOrigin({ headers, url }: Exchange): void {
    if (isOriginAllowed({ headers, url }, this.#settings.allowedOrigins)) return;
    throw new Refused('origin', 403, 'forbidden', 'origin not allowed: list it in allowedOrigins');
  }

  /** @throws Problem if the client may not ask, or not now */
  async admit(exchange: Exchange): Promise<Visitor> {
    if (!this.#door.context.status.isRunning) throw new Refused('stopping', 503, 'unavailable', 'the server stops');
    const address = this.chargeStranger(exchange);
    const answer = await this.#authenticate(exchange);
    if (answer instanceof Refusal) throw new Refused('application', answer.status, codeOf(answer), answer.message);
    if (answer === false || answer === null || answer === undefined)
      throw new Refused('unauthenticated', 401, 'unauthenticated');
    assertSession(answer, wallTime(this.#door.context.clock));
    const threads: unknown = Reflect.get(answer, 'threads');
    if (threads !== undefined && patternsIn(threads) === undefined)
      throw new InvalidOptionError({ option: 'authenticate().threads', value: threads, expected: 'a list of texts' });
    return { session: answer, userId: answer.userId, address };
  }

  /** A request of a client that is not known yet, which its address pays for. @returns the address @throws Problem */
  chargeStranger(exchange: Exchange): string | undefined {
    const address = this.#addressOf(exchange);
    if (this.#door.port.budgets.charge({ userId: undefined, address }, costs.control)) return address;
    throw spent();
  }

  /** A request that is none for a connection is paid for here. @throws Problem */
  charge({ userId, address }: Visitor, cost: number): void {
    if (!this.#door.port.budgets.charge({ userId, address }, cost)) throw spent();
  }

  /** Makes sure that there is a place for one more connection. @throws Problem */
  async assertRoom(visitor: Visitor, exchange: Exchange): Promise<void> {
    if (!exchange.canStream)
      throw new Problem(400, 'bad-request', 'wait for the answer to the request before on this connection');
    this.charge(visitor, costs.handshake);
    const { userId } = visitor;
    const denial = this.#denialOf(userId);
    if (denial?.reason === 'user-connections' && userId !== undefined)
      await this.#door.port.makeRoom(userId, exchange.signal);
    const remaining = this.#denialOf(userId);
    if (remaining !== undefined) throw remaining;
  }

  /** @throws what the application throws */
  mayEnter(visitor: Visitor, threadId: string): boolean | Promise<boolean> {
    return this.#mayEnter(visitor.session, threadId);
  }

  /** The same, in the time that the application has for an answer. @throws what the application throws */
  async isAllowedIn(visitor: Visitor, threadId: string): Promise<boolean> {
    const { context } = this.#door;
    const answer: unknown = await withDeadline('authorize', this.mayEnter(visitor, threadId), context);
    return isAllowed('authorize()', answer, context.report);
  }

  settingsOf(visitor: Visitor, exchange: Exchange): ConnectionSettings {
    return {
      id: this.#door.context.newId(),
      userId: visitor.userId,
      clientId: clientIdIn(queryOf(exchange)),
      format: 'json',
      address: visitor.address,
      maxInputBytes: this.#settings.maxBodyBytes,
      rules: this.rules,
      session: visitor.session,
    };
  }

  /** Counts a refusal. */
  note(problem: unknown, { headers, url, remoteAddress }: Exchange, visitor: Visitor | undefined): void {
    if (!(problem instanceof Refused)) return;
    this.#door.port.refused({
      reason: problem.reason,
      status: problem.status,
      origin: headers.origin,
      host: headers.host,
      path: pathOf({ url }),
      address: remoteAddress,
      userId: visitor?.userId,
    });
  }

  #mayEnter(session: HttpSession, threadId: string): boolean | Promise<boolean> {
    const { authorize } = this.#settings;
    const { threads } = session;
    if (threads !== undefined && !allows(threads, threadId)) return false;
    return authorize === undefined ? threads !== undefined : authorize(session, threadId);
  }

  #addressOf({ request, directAddress }: Exchange): string | undefined {
    const { clientAddress } = this.#settings;
    const address = clientAddress === undefined ? directAddress : checkText('clientAddress()', clientAddress(request));
    return address === undefined ? undefined : clientNetwork(address);
  }

  async #authenticate(exchange: Exchange): Promise<unknown> {
    const { authenticate, authenticateTimeoutMs } = this.#settings;
    const { clock, report } = this.#door.context;
    const context = {
      get signal(): AbortSignal {
        return exchange.signal;
      },
    };
    const answering = authenticate(exchange.request, context);
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        reject(new Refused('timeout', 503, 'unavailable'));
        report(new AuthenticationTimeoutError({ timeoutMs: authenticateTimeoutMs }));
      }, authenticateTimeoutMs);
      Promise.resolve(answering)
        .finally(() => clock.clearTimeout(timer))
        .then(resolve, reject);
    });
  }

  /** Whether the hub has no place for one more connection of this user. */
  #denialOf(userId: string | undefined): Refused | undefined {
    const { context, port } = this.#door;
    if (!context.status.isRunning) return new Refused('stopping', 503, 'unavailable', 'the server stops');
    // the other policy makes room when the connection comes
    if (context.settings.whenFull !== 'reject') return undefined;
    try {
      port.assertRoom(userId);
      return undefined;
    } catch (error) {
      if (!(error instanceof TooManyConnectionsError)) throw error;
      return error.userId === undefined
        ? new Refused('connections', 503, 'unavailable', 'no place for one more connection')
        : new Refused('user-connections', 429, 'rate-limited', 'too many connections of this user');
    }
  }
}

const spent = (): Refused => new Refused('rate-limited', 429, 'rate-limited');
