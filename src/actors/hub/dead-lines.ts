import type { Clock, TimerHandle } from '../../api/clock.ts';
import { closeCodes, type CloseCode } from '../../infra/wire/close-codes.ts';

/** How long a user's connections have to answer. */
const ANSWER_MS = 2_000;

/** Time between two checks whether all have answered. Checks are counted, so that a late event loop does not fail a connection. */
const LOOK_MS = 100;

/** Minimum time between two rounds of a user: a client that dials again and again must not cause pings again and again. */
const REST_MS = 1_000;

/** Maximum connections of one user that are pinged, oldest first. */
const MAX_ASKED = 32;

/** The part of a connection that matters here. */
export interface Line {
  readonly state: string;
  /** Asks the client for a sign of life. The returned function says whether one came since. */
  askForLife(): () => boolean;
  evict(code: CloseCode): void;
}

interface Round {
  readonly lines: readonly { readonly line: Line; readonly hasAnswered: () => boolean }[];
  /** Handshakes that wait for a place, each with the signal of its end. */
  readonly waiting: Map<() => void, AbortSignal>;
  looks: number;
  isOver: boolean;
  timer: TimerHandle;
}

/**
 * A user whose cable was pulled reconnects long before the server knows that the old line is dead. If such a user has no place left, all of
 * the user's connections are pinged, and the oldest ones that do not answer make room: one for each waiting handshake.
 */
export class DeadLines {
  readonly #clock: Clock;
  readonly #linesOf: (userId: string) => readonly Line[];
  readonly #rounds = new Map<string, Round>();

  /** @param linesOf a user's connections, oldest first */
  constructor(clock: Clock, linesOf: (userId: string) => readonly Line[]) {
    this.#clock = clock;
    this.#linesOf = linesOf;
  }

  /** Resolves when there is a place, or when there can be none: at once, or within two seconds. */
  makeRoom(userId: string, signal: AbortSignal): Promise<void> {
    const round = this.#rounds.get(userId) ?? this.#begin(userId);
    // handshakes beyond the number of possible places need not wait
    if (round.isOver || round.waiting.size >= round.lines.length) return Promise.resolve();
    return new Promise((resolve) => void round.waiting.set(resolve, signal));
  }

  /** The hub has ended. */
  stop(): void {
    for (const round of this.#rounds.values()) {
      this.#clock.clearTimeout(round.timer);
      for (const resolve of round.waiting.keys()) resolve();
    }
    this.#rounds.clear();
  }

  #begin(userId: string): Round {
    const lines = this.#linesOf(userId)
      .slice(0, MAX_ASKED)
      .map((line) => ({ line, hasAnswered: line.askForLife() }));
    const round: Round = { lines, waiting: new Map(), looks: 0, isOver: false, timer: undefined };
    this.#rounds.set(userId, round);
    this.#lookLater(userId, round);
    return round;
  }

  #lookLater(userId: string, round: Round): void {
    round.timer = this.#clock.setTimeout(() => this.#look(userId, round), LOOK_MS);
  }

  #look(userId: string, round: Round): void {
    const isGone = ({ line }: Round['lines'][number]): boolean => line.state === 'evicted';
    const gone = round.lines.filter(isGone).length;
    const silent = round.lines.filter((each) => !isGone(each) && !each.hasAnswered());
    const hasTime = ++round.looks < ANSWER_MS / LOOK_MS;
    if (hasTime && silent.length > 0 && gone < round.waiting.size) return this.#lookLater(userId, round);
    this.#end(
      round,
      gone,
      silent.map(({ line }) => line),
    );
    round.timer = this.#clock.setTimeout(() => this.#rounds.delete(userId), REST_MS);
  }

  /** @param freed places that have become free meanwhile */
  #end(round: Round, freed: number, silent: readonly Line[]): void {
    round.isOver = true;
    let [free, next] = [freed, 0];
    for (const [resolve, signal] of round.waiting) {
      if (!signal.aborted && --free < 0) silent[next++]?.evict(closeCodes.replaced);
      resolve();
    }
    round.waiting.clear();
  }
}
