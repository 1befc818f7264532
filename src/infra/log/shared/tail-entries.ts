import { LogBuffer } from '../log-buffer.ts';
import type { Anchor, Arrival } from './arrival.ts';
import type { CatchUpRun } from './catch-up.ts';
import { Placing, type Place } from './entry-placement.ts';
import { Overtaken } from './overtaken.ts';
import type { PendingAppend } from './pending-appends.ts';
import { ReorderBuffer } from './reorder-buffer.ts';
import type { TailHost } from './tail-host.ts';

/**
 * - `opening`: The log was never asked for the thread's position.
 * - `asking`: the log is being asked; new entries wait.
 * - `standing`: as far as this process knows, the tail equals the shared log.
 * - `ended`: the thread has no reader any more.
 */
type TailState = 'opening' | 'asking' | 'standing' | 'ended';

/** The log is asked where the thread stands. */
export interface Question {
  readonly number: number;
  /** How often the log may have become another one by then. */
  readonly doubts: number;
}

/** The entries of a tail: placed in their order while the tail is sure to equal the log. What comes early, or meanwhile, waits. */
export abstract class TailEntries {
  readonly buffer: LogBuffer;
  protected readonly host: TailHost;
  protected readonly placing: Placing;
  protected state: TailState = 'opening';
  /** While the log is being asked. */
  protected run: CatchUpRun | undefined;
  /** Undefined before an entry has come early. */
  #early: ReorderBuffer | undefined;
  /** Undefined before an entry has waited for those before it. */
  #overtaken: Overtaken | undefined;
  /** How often the log was asked where the thread stands. */
  #questions = 0;
  /** How often the log may have become another one, and up to which time the tail was compared with it. */
  #doubts = 0;
  #settledDoubts = 0;
  protected isOther = false;

  constructor(host: TailHost) {
    this.host = host;
    const { settings } = host;
    this.buffer = new LogBuffer('', settings.retentionOf(host.threadId), settings.clock.now(), settings.ledger);
    this.placing = new Placing(this.buffer, host);
  }

  /** The thread has no reader any more. */
  get isEnded(): boolean {
    return this.state === 'ended' || this.host.isClosed;
  }

  /** See `SharedTail`. */
  abstract catchUp(): Promise<void>;

  /** An entry of the thread has been published, or an own append has been answered. */
  place(arrival: Arrival, own?: PendingAppend): void {
    const isOther = this.placing.isOfAnotherHistory(arrival);
    if (this.isSure && !isOther && this.placing.put({ arrival, own })) {
      this.#drainEarly();
      return;
    }
    // entries without room are read when the log has answered
    const hasRoom = this.#wait({ arrival, own });
    if ((isOther || !hasRoom) && this.run !== undefined) this.run.isAnotherWanted = true;
    const isOvertaking = own !== undefined && arrival.epoch === this.buffer.epoch && arrival.offset > this.buffer.head;
    if (this.isSure && isOvertaking) this.#awaitOvertaken();
    // in doubt, an author does not wait until it is the thread's turn
    else if (this.isSure || (own !== undefined && this.state === 'standing')) void this.catchUp();
  }

  /**
   * The connection is another one, and the log perhaps, too: an entry that follows by its number may follow another entry. New ones wait until
   * `catchUp` or `trust`.
   * @param isOther the server is another one, or was started anew: its log may end as the tail does, and have other entries before
   */
  doubt(isOther = false): void {
    this.#doubts++;
    if (isOther) this.isOther = true;
    if (this.run !== undefined) this.run.isAnotherWanted = true;
  }

  /** The log has been found to end where the tail does. */
  trust(): void {
    if (this.state !== 'standing' || this.isSure) return;
    if (this.isOther) {
      void this.catchUp();
      return;
    }
    this.#settledDoubts = this.#doubts;
    this.#placeEarly();
  }

  protected get isSure(): boolean {
    return this.state === 'standing' && this.#settledDoubts === this.#doubts;
  }

  /** False if too many wait. */
  #wait(place: Place): boolean {
    this.#early ??= new ReorderBuffer((own) => this.placing.failLost(own));
    return this.#early.add(place, this.#questions);
  }

  #awaitOvertaken(): void {
    this.#overtaken ??= new Overtaken(this.host.settings.clock, () => {
      if (this.#early?.isEmpty === false && !this.isEnded) void this.catchUp();
    });
    this.#overtaken.expect();
  }

  #drainEarly(): void {
    this.#overtaken?.came();
    for (;;) {
      const next = this.#early?.take(this.buffer.head + 1);
      if (next === undefined) return;
      if (this.placing.put(next)) continue;
      void this.catchUp();
      return;
    }
  }

  /** Places the entries that came while the log was asked. */
  #placeEarly(): void {
    for (const place of this.#early?.takeAll() ?? []) {
      const { own, arrival } = place;
      if (this.placing.put(place)) continue;
      // of a history that the log no longer has
      if (own !== undefined && (arrival.epoch !== this.buffer.epoch || arrival.offset <= this.buffer.head))
        this.placing.failLost(own);
      else this.#wait(place);
    }
    if (this.#early?.isEmpty === false) this.#awaitOvertaken();
  }

  protected question(): Question {
    return { number: ++this.#questions, doubts: this.#doubts };
  }

  protected compared({ now }: Anchor): void {
    this.placing.compared(now - this.host.settings.clock.now(), now);
  }

  /** The tail is where the log was. */
  protected answered({ number, doubts }: Question): void {
    this.#early?.answered(number);
    this.state = 'standing';
    this.#settledDoubts = doubts;
    if (doubts === this.#doubts) this.isOther = false;
    if (this.isSure) this.#placeEarly();
  }

  /** The thread has no reader any more. */
  protected endEntries(): void {
    this.#overtaken?.end();
    this.buffer.clear();
    for (const { own, arrival } of this.#early?.takeAll() ?? []) {
      if (own !== undefined) this.placing.settleUnread(own, arrival);
    }
  }
}
