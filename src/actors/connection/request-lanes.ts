/** Requests of one connection that the application is asked about at the same moment, at most. */
const MOST_AT_ONCE = 32;

/** What the connections of a hub share: beyond its first one, a connection's requests in progress take places that others may need. */
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

/** Something about one thread. */
interface Keyed {
  readonly th: string;
  /** It may be one of thousands: others go before it. */
  readonly isJoin: boolean;
}

/**
 * The requests of one connection, in their order within each thread, because a leave must not overtake the join before it. Those about
 * several threads are performed at the same time: the database that `authorize` asks is no queue of one.
 */
export class RequestLanes<R extends Keyed> {
  readonly #perform: (request: R) => Promise<void>;
  readonly #slots: SharedSlots;
  /** By thread: what waits for the request before it. */
  readonly #lanes = new Map<string, R[]>();
  /** Requests that wait for nothing but a place, and joins that do. */
  readonly #ready: R[] = [];
  readonly #joins: R[] = [];
  #active = 0;

  /** @param perform never rejects */
  constructor(slots: SharedSlots, perform: (request: R) => Promise<void>) {
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

  /** Whether something waits that may be performed now. One at a time it always may: nobody else's requests keep it from that. */
  canStart(takesJoins: boolean): boolean {
    if (this.#ready.length === 0 && !(takesJoins && this.#joins.length > 0)) return false;
    return this.#active === 0 || (this.#active < MOST_AT_ONCE && this.#slots.isFree);
  }

  /** Only when `canStart`. */
  start(onDone: (request: R) => void): void {
    const request = this.#ready.shift() ?? this.#joins.shift();
    if (request === undefined) return;
    const isExtra = this.#active > 0;
    this.#active++;
    if (isExtra) this.#slots.take();
    void this.#perform(request).then(() => {
      this.#active--;
      if (isExtra) this.#slots.give();
      this.#goOn(request.th);
      onDone(request);
    });
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
