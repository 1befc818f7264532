import { Refusal } from '../../api/refusal.ts';
import { closeCodes } from '../../infra/wire/close-codes.ts';
import { wallTime } from '../../infra/time/clock.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import { assertSession } from './assert-session.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { ConnectionServices } from './connection-services.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import { notices } from './wire-protocol.ts';

/** The hub asks for a fresh token this long before the end, or after half of a session's life if that is later. */
const ASK_MS = 60_000;

/** The hub asks again after half of what is left, unless that is less. */
const LEAST_PAUSE_MS = 5_000;

/**
 * The end of a session that expires, and its renewal. The sweep looks at it, so it costs no timer. A process's clock may be set, so the end
 * is kept on the hub's clock.
 */
export class SessionTerm {
  readonly #settings: ConnectionSettings;
  readonly #line: ConnectionLine;
  readonly #services: ConnectionServices;
  #endsAt = Infinity;
  /** When the hub asks next; Infinity for not any more. */
  #askAt = Infinity;
  /** The hub has asked for a token and not accepted one since. */
  #isAsked = false;
  /** The application is being asked about a token. */
  #isRenewing = false;

  constructor(settings: ConnectionSettings, line: ConnectionLine, services: ConnectionServices) {
    this.#settings = settings;
    this.#line = line;
    this.#services = services;
    this.#begin();
  }

  /** True if the session is over, and with it the connection. */
  isOver(now: number): boolean {
    if (now < this.#endsAt) return false;
    this.#line.evict({ ...closeCodes.unauthenticated, reason: 'session expired' });
    return true;
  }

  /** Asks the client for a token when that is due; ends the connection when the session is over. */
  sweep(now: number): void {
    if (this.#line.state === 'evicted' || this.isOver(now) || now < this.#askAt || this.#isRenewing) return;
    const left = this.#endsAt - now;
    this.#askAt = left / 2 < LEAST_PAUSE_MS ? Infinity : now + left / 2;
    this.#isAsked = true;
    this.#line.sendNotice(notices.renew(Math.floor(left)));
  }

  /**
   * The client has sent a token. True if it has a new session now; if not, the session stays as it is.
   * @param token undefined if it is no text
   * @throws InvalidOptionError, AnswerTimeoutError, and what the application throws
   */
  async renew(token: string | undefined): Promise<true | Refusal | 'unasked'> {
    const { rules, session, userId } = this.#settings;
    const { reauthenticate } = rules;
    if (reauthenticate === undefined || !this.#isAsked) return 'unasked';
    if (token === undefined) return new Refusal(401);
    this.#isRenewing = true;
    try {
      const renewed: unknown = await withDeadline('reauthenticate', reauthenticate(session, token), this.#services);
      // the answer came too late
      if (this.#line.state === 'evicted' || this.isOver(this.#services.now())) return 'unasked';
      if (renewed instanceof Refusal) return renewed;
      if (renewed === false || renewed === null || renewed === undefined) return new Refusal(401);
      assertSession(renewed, wallTime(this.#services.clock), 'reauthenticate');
      if (renewed.userId !== userId) return new Refusal(403, 'the token is of another user');
      this.#settings.session = renewed;
      this.#isAsked = false;
      this.#begin();
      return true;
    } finally {
      this.#isRenewing = false;
    }
  }

  #begin(): void {
    const { session, rules } = this.#settings;
    const { expiresAt = Infinity } = session;
    const now = this.#services.now();
    const leftMs = expiresAt - wallTime(this.#services.clock);
    this.#endsAt = now + leftMs;
    this.#askAt = rules.reauthenticate === undefined ? Infinity : this.#endsAt - Math.min(ASK_MS, leftMs / 2);
  }
}
