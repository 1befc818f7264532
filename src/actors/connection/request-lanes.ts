import type { MaybePromise } from '../../api/message.ts';

/** Maximum requests of one connection that the application is asked about at the same moment. */
const MOST_AT_ONCE = 32;

/** Slots that the connections of a hub share. Each request of a connection beyond its first one in progress takes a slot. */
export class SharedSlots {
  #free: number;

  constructor(slots: number) {
    this.#free = slots;
  }

  get isFree(): boolean {
    return this.#free > 0;
  }

  take(): void {
    this.#free--;
  }

  give(): void {
    this.#free++;
  }
}

/** A request about one thread. */
interface Keyed {
  readonly th: string;
  /** It may be one of thousands, so other requests go first. */
  readonly isJoin: boolean;
}

/**
 * The requests of one connection, in order within each thread, because a leave must not overtake the join before it. Requests about
 * different threads are performed at the same time: the database behind `authorize` is not a queue of one.
 */
export class RequestLanes<R extends Keyed> {
  readonly #perform: (request: R) => MaybePromise<void>;
  readonly #slots: SharedSlots;
  /** By thread: requests that wait for the one before them. */
  readonly #lanes = new Map<string, R[]>();
  /** Requests, and joins, that wait only for a slot. */
  readonly #ready: R[] = [];
  readonly #joins: R[] = [];
  #active = 0;

  /** @param perform never throws or rejects */
  constructor(slots: SharedSlots, perform: (request: R) => MaybePromise<void>) {
    this.#slots = slots;
    this.#perform = perform;
  }

  add(request: R): void {
    const lane = this.#lanes.get(request.th);
    if (lane !== undefined) {
      lane.push(request);
      return;
    }
    this.#lanes.set(request.th, []);
    this.#queue(request);
  }

  /** Whether a waiting request may be performed now. One at a time is always allowed: requests of other connections cannot prevent that. */
  canStart(takesJoins: boolean): boolean {
    if (this.#ready.length === 0 && !(takesJoins && this.#joins.length > 0)) return false;
    return this.#active === 0 || (this.#active < MOST_AT_ONCE && this.#slots.isFree);
  }

  /** Only when `canStart`. True if the request is in progress, false if it is done. */
  start(onDone: (request: R) => void): boolean {
    const request = this.#ready.shift() ?? this.#joins.shift();
    if (request === undefined) return false;
    const isExtra = this.#active > 0;
    this.#active++;
    if (isExtra) this.#slots.take();
    const end = (): void => {
      this.#active--;
      if (isExtra) this.#slots.give();
      this.#goOn(request.th);
      onDone(request);
    };
    const performed = this.#perform(request);
    if (performed === undefined) end();
    else void performed.then(end);
    return performed !== undefined;
  }

  #goOn(threadId: string): void {
    const next = this.#lanes.get(threadId)?.shift();
    if (next === undefined) this.#lanes.delete(threadId);
    else this.#queue(next);
  }

  #queue(request: R): void {
    (request.isJoin ? this.#joins : this.#ready).push(request);
  }
}
