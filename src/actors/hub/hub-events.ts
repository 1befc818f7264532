import { asError } from '../../infra/errors.ts';
import { ErrorCounts } from './error-counts.ts';
import { Emitter } from '../support/emitter.ts';
import type { HubEvents, RefusedHandshake, RefusedReason } from '../../api/events.ts';
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
  log: true,
  error: true,
};

/** What the hub tells its application: the events, and among them the errors that are nobody's to catch. */
export class HubNews {
  readonly #listeners = new Emitter<HubEvents>((error) => this.report(error), EVENTS);
  readonly #errors = new ErrorCounts();
  // there from the beginning: a counter that appears with its first refusal has not risen
  readonly #refusals = new Map<RefusedReason, number>(REASONS.map((reason) => [reason, 0]));
  #isReporting = false;

  /** How often something was reported, by the code of the error. */
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

  /** Returns the function that takes the listener away again. */
  on<E extends keyof HubEvents>(event: E, listener: Listener<HubEvents[E]>): () => void {
    return this.#listeners.on(event, listener);
  }

  emit<E extends Exclude<keyof HubEvents, 'error'>>(event: E, news: HubEvents[E]): void {
    this.#listeners.emit(event, news);
  }

  /** An `error` event, or a process warning where nobody listens. */
  readonly report = (error: unknown): void => {
    this.#errors.note(error);
    if (this.#isReporting || !this.#listeners.has('error')) {
      warn(error);
      return;
    }
    // what an error listener leads to, or throws, has no other way to go
    this.#isReporting = true;
    this.#listeners.emit('error', error, warn);
    this.#isReporting = false;
  };
}

function warn(error: unknown): void {
  process.emitWarning(asError(error));
}
