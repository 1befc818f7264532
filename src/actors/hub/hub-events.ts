import { asError } from '../../infra/errors.ts';
import { ErrorCounts } from './error-counts.ts';
import { Emitter } from '../support/emitter.ts';
import type { Connection } from '../../api/connection.ts';
import type { HubEvents, LeaveReason, RefusedHandshake, RefusedReason } from '../../api/events.ts';
import type { MembershipPort } from '../connection/connection-services.ts';
import type { Listener } from '../../api/listener.ts';

const REASONS: readonly RefusedReason[] = [
  'origin',
  'path',
  'format',
  'malformed',
  'unauthenticated',
  'application',
  'timeout',
  'failed',
  'handshakes',
  'connections',
  'user-connections',
  'rate-limited',
  'stopping',
];

const EVENTS: Readonly<Record<keyof HubEvents, true>> = {
  connection: true,
  transition: true,
  refused: true,
  evicted: true,
  join: true,
  leave: true,
  undelivered: true,
  log: true,
  error: true,
};

/** The events of a hub, including errors that no caller could catch. */
export class HubNews implements MembershipPort {
  readonly #listeners = new Emitter<HubEvents>((error) => this.report(error), EVENTS);
  readonly #errors = new ErrorCounts();
  // present from the beginning: a counter that appears with its first refusal has not risen
  readonly #refusals = new Map<RefusedReason, number>(REASONS.map((reason) => [reason, 0]));
  #isReporting = false;

  /** How often an error was reported, by code. */
  get errors(): ReadonlyMap<string, number> {
    return this.#errors.all;
  }

  /** How many handshakes were refused, by the reason. */
  get refusals(): ReadonlyMap<RefusedReason, number> {
    return this.#refusals;
  }

  readonly refused = (news: RefusedHandshake): void => {
    this.#refusals.set(news.reason, (this.#refusals.get(news.reason) ?? 0) + 1);
    this.emit('refused', news);
  };

  /** Adds a listener and returns the function that removes it. */
  on<E extends keyof HubEvents>(event: E, listener: Listener<HubEvents[E]>): () => void {
    return this.#listeners.on(event, listener);
  }

  emit<E extends Exclude<keyof HubEvents, 'error'>>(event: E, news: HubEvents[E]): void {
    this.#listeners.emit(event, news);
  }

  joined(connection: Connection, threadId: string): void {
    this.emit('join', { connection, threadId });
  }

  left(connection: Connection, threadId: string, reason: LeaveReason): void {
    this.emit('leave', { connection, threadId, reason });
  }

  /** An `error` event, or a process warning if there is no listener. */
  readonly report = (error: unknown): void => {
    this.#errors.note(error);
    if (this.#isReporting || !this.#listeners.has('error')) {
      warn(error);
      return;
    }
    // an error that an error listener causes cannot be reported to it again
    this.#isReporting = true;
    this.#listeners.emit('error', error, warn);
    this.#isReporting = false;
  };
}

function warn(error: unknown): void {
  process.emitWarning(asError(error));
}
