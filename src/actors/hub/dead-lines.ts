import type { Clock, TimerHandle } from '../../api/clock.ts';
import { closeCodes, type CloseCode } from '../../infra/wire/close-codes.ts';

/** How long a user's connections have to show that their peers are there. */
const ANSWER_MS = 2_000;

/** Between two looks whether all have answered. Looks are counted, so that a late event loop judges nobody. */
const LOOK_MS = 100;

/** After a round, the user's next one has to wait: a client that dials again and again must not have pings sent again and again. */
const REST_MS = 1_000;

/** Of one user, the oldest. */
const MAX_ASKED = 32;

/** A connection, as far as it matters here. */
export interface Line {
  readonly state: string;
  /** Asks the peer for a sign of life; the function tells whether one came since. */
  askForLife(): () => boolean;
  evict(code: CloseCode): void;
}

interface Round {
  readonly lines: readonly { readonly line: Line; readonly hasAnswered: () => boolean }[];
  /** Handshakes that a place is looked for, each with the signal that it is over. */
  readonly waiting: Map<() => void, AbortSignal>;
  looks: number;
  isOver: boolean;
  timer: TimerHandle;
}

/**
 * A user whose cable was pulled comes back long before the server knows that the old line is dead. Where such a user has no place left,
 * all of the user's connections are pinged, and the oldest ones that do not answer make room: one for each handshake that waits.
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

  /** Resolves when there is a place, or none to be had: at once, or within two seconds. */
  makeRoom(userId: string, signal: AbortSignal): Promise<void> {
    const round = this.#rounds.get(userId) ?? this.#begin(userId);
    // more than could find a place need not wait
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

  /** @param places that have become free meanwhile */
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
