import type { SliceScheduler, Task } from '../support/slice-scheduler.ts';
import type { Replica } from './replica.ts';
import type { StreamContent } from './stream-content.ts';

/** Where another process needs content from: a position, and pieces that it has of the big chunk there. */
export interface ReplicaPlace {
  readonly at: number;
  readonly piece: number;
}

/** Sends the content of one stream to the other processes, in slices of the turns: a stream may have megabytes. */
export class ReplicaFeed implements Task {
  readonly #content: StreamContent;
  readonly #scheduler: Pick<SliceScheduler, 'start' | 'now'>;
  readonly #send: (replica: Replica) => void;
  #replicas: Iterator<Replica, undefined> | undefined;
  /** Asked for while the content is being sent. */
  #again: ReplicaPlace | undefined;
  #at = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    content: StreamContent,
    scheduler: Pick<SliceScheduler, 'start' | 'now'>,
    send: (replica: Replica) => void,
  ) {
    this.#content = content;
    this.#scheduler = scheduler;
    this.#send = send;
  }

  /** The position that is sent next; undefined if nothing is being sent. */
  get at(): number | undefined {
    return this.#replicas === undefined ? undefined : this.#at;
  }

  /** Sends everything from there on: at once as far as the turn's budget goes. @param isAsked another process misses it */
  from(place: ReplicaPlace, isAsked: boolean): void {
    if (this.#replicas === undefined) {
      this.#begin(place);
      this.#scheduler.start(this);
      // what is new comes anyway
    } else if (isAsked) this.#again = earlier(this.#again, place);
  }

  run(deadline: number): boolean {
    while (this.#replicas !== undefined) {
      const { value } = this.#replicas.next();
      if (value === undefined) this.#next();
      else {
        this.#at = value.to;
        this.#send(value);
      }
      if (this.#scheduler.now() >= deadline) return this.#replicas === undefined;
    }
    return true;
  }

  /** Resolves when nothing is being sent. */
  async idle(): Promise<void> {
    if (this.#replicas !== undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The rest is of no use any more. */
  stop(): void {
    this.#again = undefined;
    if (this.#replicas !== undefined) this.#next();
  }

  #begin({ at, piece }: ReplicaPlace): void {
    this.#at = at;
    this.#replicas = this.#content.replicas(at, piece);
  }

  #next(): void {
    const again = this.#again;
    this.#again = undefined;
    this.#replicas = undefined;
    if (again !== undefined) return this.#begin(again);
    for (const resolve of this.#waiting.splice(0)) resolve();
    return undefined;
  }
}

/** The one that is further back. */
export function earlier(a: ReplicaPlace | undefined, b: ReplicaPlace): ReplicaPlace {
  if (a === undefined || b.at < a.at) return b;
  return a.at === b.at && b.piece < a.piece ? b : a;
}
