import type { Clock } from '../../../api/clock.ts';
import { freshIfEmpty } from '../../fresh-set.ts';

interface Call {
  readonly since: number;
  readonly shard: string;
  readonly answer: Promise<unknown>;
  readonly reject: (error: Error) => void;
}

/**
 * Commands that wait for their answers, and when each shard was last heard. A shard answers commands in order, and each has a bounded size.
 * So as long as anything comes from it, the line may be slow, but not dead.
 */
export class CallsInFlight {
  readonly #clock: Clock;
  /** Oldest first. */
  #calls = new Set<Call>();
  readonly #heardAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Starts a command. The result is that of `act`, or the error with which all commands are rejected. */
  start<T>(shard: string, act: () => Promise<T>, onError: (error: Error) => void): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const call: Call = { since: this.#clock.now(), shard, answer: promise, reject };
    this.#calls.add(call);
    act().then(
      (answer) => {
        this.#end(call);
        this.heard(shard);
        resolve(answer);
      },
      (error: Error) => {
        this.#end(call);
        onError(error);
        reject(error);
      },
    );
    return promise;
  }

  heard(shard: string): void {
    this.#heardAt.set(shard, this.#clock.now());
  }

  #end(call: Call): void {
    this.#calls.delete(call);
    this.#calls = freshIfEmpty(this.#calls);
  }

  /** A shard that owes an answer has not been heard for this long. */
  isSilent(ms: number): boolean {
    const limit = this.#clock.now() - ms;
    for (const { since, shard } of this.#calls) {
      if (since >= limit) return false;
      if ((this.#heardAt.get(shard) ?? since) < limit) return true;
    }
    return false;
  }

  /** Resolves when all commands that are now in flight are answered. */
  async whenIdle(): Promise<void> {
    await Promise.allSettled([...this.#calls].map(({ answer }) => answer));
  }

  rejectAll(error: Error): void {
    for (const { reject } of this.#calls) reject(error);
    this.#calls.clear();
  }
}
