import { doorOf } from '../actors/gateway/hub-door.ts';
import type { Clock } from '../api/clock.ts';
import type { Hub } from '../api/hub.ts';
import type { LogAnswers } from '../api/log-answers.ts';
import { LogUnavailableError } from '../infra/errors.ts';
import { letGo, systemClock } from '../infra/time/clock.ts';
import { pause } from '../infra/time/pause.ts';

/** How often is looked whether the answer of another turn is known, or over. */
const LOOK_MS = 30;

/** How long a turn waits for news of the answer that has its place: the end of the one before, or the first frame of a new one. */
const PLACE_MS = 1_500;

/** The log forgets a claim after ten minutes. */
const RENEW_MS = 240_000;

/** A place that could not be given up, because the log was out of reach, is given up later: the claim lasts for ten minutes at most. */
const RELEASE_AGAIN_MS = 5_000;
const RELEASES = 120;

type Door = NonNullable<ReturnType<typeof doorOf>>;

/** Threads of a hub with a turn, by the kind of their answers: several servers of one hub share them. */
const HELD = new WeakMap<object, Set<string>>();

/** The place of one turn: no other one begins in its thread until `leave`. */
export class TurnPlace {
  readonly #leave: () => void;
  #hasLeft = false;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#leave();
  }
}

/**
 * One turn of a thread at a time, on all nodes that share the log. A node claims the turn in the log before it begins, and until the answer has
 * ended. If the node dies, its claim ends when the others know so. Where the log is out of reach, each node decides for itself.
 */
export class TurnClaims {
  readonly #door: Door | undefined;
  readonly #clock: Clock;
  readonly #held: Set<string>;
  /** No publication has such a key. */
  readonly #key: string;

  /** @param kind of the answers: a thread may have one of each */
  constructor(hub: Hub, kind: string) {
    this.#door = doorOf(hub);
    this.#clock = this.#door?.context.clock ?? systemClock;
    this.#key = `~turn ${kind}`;
    const held = HELD.get(hub) ?? new Set<string>();
    HELD.set(hub, held);
    this.#held = held;
  }

  /** Whether the log knows the turns of other nodes. */
  get isShared(): boolean {
    return this.#answers !== undefined;
  }

  /**
   * The place of the thread's next turn; undefined if another one has it.
   * @param isAnswered whether an answer of the thread is in progress, as far as this process knows
   */
  async take(threadId: string, isAnswered: () => boolean): Promise<TurnPlace | undefined> {
    const until = this.#clock.now() + PLACE_MS;
    for (; !isAnswered(); await pause(this.#clock, LOOK_MS)) {
      const place = await this.#tryOnce(threadId);
      // one that has begun where the log was out of reach
      if (place !== undefined && !isAnswered()) return place;
      place?.leave();
      if (this.#clock.now() >= until) return undefined;
    }
    return undefined;
  }

  async #tryOnce(threadId: string): Promise<TurnPlace | undefined> {
    const name = `${this.#key} ${threadId}`;
    if (this.#held.has(name)) return undefined;
    this.#held.add(name);
    let isMine = false;
    try {
      isMine = await this.#claim(threadId);
    } finally {
      if (!isMine) this.#held.delete(name);
    }
    if (!isMine) return undefined;
    const stop = this.#renew(threadId);
    return new TurnPlace(() => {
      stop();
      this.#held.delete(name);
      void this.#release(threadId, name);
    });
  }

  /** Undefined while the log is out of reach, and for one that no other process shares. */
  get #answers(): LogAnswers | undefined {
    const { settings, status } = this.#door?.context ?? {};
    return status?.isLogUp === true && settings?.log.notify !== undefined ? settings.log.answers : undefined;
  }

  async #claim(threadId: string): Promise<boolean> {
    try {
      const found = await this.#answers?.claim(threadId, this.#key);
      return found === undefined || found.is === 'claimed';
    } catch (error) {
      if (error instanceof LogUnavailableError) return true;
      throw error;
    }
  }

  /** Returns what ends it. */
  #renew(threadId: string): () => void {
    if (this.#answers === undefined) return () => {};
    const wait = (): unknown => {
      const timer = this.#clock.setTimeout(again, RENEW_MS);
      letGo(timer);
      return timer;
    };
    const again = (): void => {
      timer = wait();
      this.#claim(threadId).catch((error: unknown) => this.#report(error));
    };
    let timer = wait();
    return () => this.#clock.clearTimeout(timer);
  }

  async #release(threadId: string, name: string): Promise<void> {
    const { settings } = this.#door?.context ?? {};
    if (settings?.log.notify === undefined) return;
    for (let tries = 1; !this.#held.has(name); tries++) {
      try {
        await settings.log.answers?.release(threadId, this.#key);
        return;
      } catch (error) {
        // a node that ends takes its claims along
        if (this.#door?.context.status.isRunning !== true) return;
        if (!(error instanceof LogUnavailableError) || tries === RELEASES) return this.#report(error);
      }
      await pause(this.#clock, RELEASE_AGAIN_MS);
    }
  }

  #report(error: unknown): void {
    this.#door?.context.report(error);
  }
}
