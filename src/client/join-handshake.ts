import { backoffDelay } from './backoff.ts';
import { Timer } from './clock.ts';
import type { ClientSettings } from './options.ts';

/** Refusals that another attempt would not change. */
const FINAL_REFUSAL = /^forbidden$|^TC_INVALID_|^TC_TOO_MANY_THREADS$/;

/** `idle`: no join was sent on this connection. `asked`: the answer is still to come. `answered`: it has arrived. */
type HandshakeState = 'idle' | 'asked' | 'answered';

/** The newest join of a thread, its answer, and the next attempt. */
export class JoinHandshake {
  readonly #settings: ClientSettings;
  readonly #join: () => void;
  readonly #retry: Timer;
  #state: HandshakeState = 'idle';
  #refusals = 0;
  /** Of the newest join: an answer with another one belongs to a thread that was left. */
  ref = 0;

  /** @param join the next attempt */
  constructor(settings: ClientSettings, join: () => void) {
    this.#settings = settings;
    this.#join = join;
    this.#retry = new Timer(settings.clock);
  }

  get isAsked(): boolean {
    return this.#state === 'asked';
  }

  /** The join is sent. */
  asked(ref: number): void {
    this.ref = ref;
    this.#state = 'asked';
  }

  /** The server has let the client in; `isAnswer` says whether it answers this join. */
  accepted(isAnswer: boolean): void {
    if (isAnswer) this.#state = 'answered';
    this.#refusals = 0;
  }

  /** True if another attempt would also be refused. */
  refused(code: string): boolean {
    this.#state = 'answered';
    return FINAL_REFUSAL.test(code);
  }

  /** Another attempt follows, later each time. */
  retryAfterRefusal(): void {
    this.retry(++this.#refusals);
  }

  /** @param attempt sets the wait; the first join is sent at once, with 0 */
  retry(attempt: number): void {
    const { backoff, random } = this.#settings;
    if (attempt === 0) this.#join();
    else this.#retry.set(backoffDelay(backoff, attempt, random), this.#join);
  }

  /** No attempt is due any more. */
  clearRetry(): void {
    this.#retry.clear();
  }

  /** The connection is gone, and the answer with it. */
  lost(): void {
    this.#retry.clear();
    this.#state = 'idle';
  }
}
