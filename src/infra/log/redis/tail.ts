import type { LogReset } from '../delivery-log.ts';
import type { Position } from '../ids.ts';
import { LogBuffer } from '../log-buffer.ts';
import { pause } from '../../time/pause.ts';
import type { Anchor, Arrival } from './codec.ts';
import type { PendingAppend } from './pending-appends.ts';
import { ReorderBuffer } from './reorder-buffer.ts';
import { RedisHistory } from './backfill.ts';
import { Placing, type PlacingHost } from './entry-placement.ts';
import { reconcile, type Parting } from './reconcile.ts';
import type { LogSource } from './log-reader.ts';
import type { TimerHandle } from '../../../api/clock.ts';

/** What a tail needs of its thread. */
export interface TailHost extends PlacingHost {
  readonly source: LogSource;
  readonly isClosed: boolean;
  /** Resolves when the thread's channel is subscribed on the connections that there are now. */
  subscribed(): Promise<void>;
  onReset(reset: LogReset): void;
  /** Other threads give memory back; false where there is no room all the same. */
  makeRoom(): Promise<boolean>;
  /** Entries were found in Redis that had been published long ago. */
  onSilence(): void;
}

const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;
/** An own append may be answered before the notices of the others' have come on the other connection. */
const OVERTAKE_MS = 20;
/** A notice that is missing for so long does not come any more. */
const SILENCE_MS = 3_000;

/** Asking Redis until it has answered. */
interface Pass {
  readonly done: Promise<void>;
  /** The first try is over, well or not. */
  readonly tried: Promise<void>;
}

/**
 * The part of one thread's log that this process holds, kept the same as Redis's: notices show what is new, their offsets what was
 * missed, and an anchor, whether this is still the history that Redis has.
 */
export class RedisTail {
  readonly buffer: LogBuffer;
  readonly #host: TailHost;
  readonly #placing: Placing;
  readonly #early: ReorderBuffer;
  readonly #history: RedisHistory;
  /** False until Redis was asked, and while it is asked again: then everything waits. */
  #isAnchored = false;
  /** False until Redis was asked for the first time. */
  #isBegun = false;
  #hasEnded = false;
  #pass: Pass | undefined;
  #isAnotherWanted = false;
  #overtake: TimerHandle;

  constructor(host: TailHost) {
    this.#host = host;
    const { settings } = host;
    this.buffer = new LogBuffer('', settings.retention, settings.clock.now(), settings.ledger);
    this.#placing = new Placing(this.buffer, host);
    this.#early = new ReorderBuffer((own) => this.#placing.failLost(own));
    this.#history = new RedisHistory(this.buffer, this.#placing, host);
  }

  /** Nobody reads it any more. */
  get isEnded(): boolean {
    return this.#hasEnded || this.#host.isClosed;
  }

  /** Something of the thread has been published, or an own append has been answered. */
  place(arrival: Arrival, own?: PendingAppend): void {
    if (this.#isAnchored && this.#placing.put({ arrival, own })) {
      this.#drainEarly();
      return;
    }
    // what has no room is asked for when Redis has answered
    if (!this.#early.add({ arrival, own })) this.#isAnotherWanted = true;
    if (!this.#isAnchored) return;
    const isOvertaking = own !== undefined && arrival.epoch === this.buffer.epoch && arrival.offset > this.buffer.head;
    if (!isOvertaking) void this.catchUp();
    else this.#awaitOvertaken();
  }

  /**
   * Asks Redis where the thread stands, and takes what is missing. Tries until it is done or the thread is not held any more; never
   * rejects.
   * @param isRoutine nothing is known to be missing
   */
  catchUp(isRoutine = false): Promise<void> {
    return this.#ask(isRoutine).done;
  }

  /** As `catchUp`; resolves also when a try has failed, and others will follow. */
  tryCatchUp(): Promise<void> {
    return this.#ask(false).tried;
  }

  /** It stands there, or is being asked where: then there is nothing to be found out. */
  isAt({ epoch, offset, id }: Position): boolean {
    const { buffer } = this;
    if (!this.#isAnchored) return true;
    const held = buffer.at(offset)?.id ?? (offset === buffer.head ? buffer.headId : '');
    return buffer.epoch === epoch && buffer.head >= offset && (held === '' || held === id);
  }

  /** Redis is being asked: resolves when it has answered. */
  get asking(): Promise<void> | undefined {
    return this.#pass?.done;
  }

  /** Resolves when the tail stands somewhere. */
  async ready(): Promise<void> {
    if (!this.#isBegun) await this.catchUp();
  }

  /** Makes the tail hold what comes after a position. */
  reach(from: Position | 'start'): Promise<void> | undefined {
    const isUnknown = from !== 'start' && (from.epoch !== this.buffer.epoch || from.offset > this.buffer.head);
    if (isUnknown) return this.catchUp().then(() => this.#history.load(this.#oldestWanted(from)));
    return this.#history.load(this.#oldestWanted(from));
  }

  /** Gives memory back, some at a time; what somebody is about to read stays. Answers with how many entries it let go of. */
  unload(): number {
    return this.#history.isLoading ? 0 : this.buffer.unload();
  }

  end(): void {
    this.#hasEnded = true;
    this.#host.settings.clock.clearTimeout(this.#overtake);
    this.#history.end();
    this.buffer.clear();
    for (const { own, arrival } of this.#early.takeAll()) {
      if (own !== undefined) this.#placing.settleUnread(own, arrival.offset);
    }
  }

  #ask(isRoutine: boolean): Pass {
    if (this.isEnded) return { done: Promise.resolve(), tried: Promise.resolve() };
    if (this.#pass !== undefined && !isRoutine) this.#isAnotherWanted = true;
    if (this.#pass === undefined) {
      const { promise: tried, resolve } = Promise.withResolvers<void>();
      this.#pass = { done: this.#untilDone(isRoutine, resolve), tried };
    }
    return this.#pass;
  }

  #oldestWanted(from: Position | 'start'): number {
    return from === 'start' || from.epoch !== this.buffer.epoch ? 1 : Math.max(1, from.offset);
  }

  #awaitOvertaken(): void {
    this.#overtake ??= this.#host.settings.clock.setTimeout(() => this.#overtaken(), OVERTAKE_MS);
  }

  #overtaken(): void {
    this.#overtake = undefined;
    if (!this.#early.isEmpty && !this.isEnded) void this.catchUp();
  }

  #drainEarly(): void {
    for (;;) {
      const next = this.#early.take(this.buffer.head + 1);
      if (next === undefined) return;
      if (this.#placing.put(next)) continue;
      void this.catchUp();
      return;
    }
  }

  async #untilDone(isRoutine: boolean, onTried: () => void): Promise<void> {
    for (let attempt = 0; !this.isEnded; attempt++) {
      this.#isAnotherWanted = false;
      this.#isAnchored = false;
      try {
        await this.#host.subscribed();
        if (this.isEnded) break;
        const isSilent = await this.#follow();
        if (isRoutine && isSilent) this.#host.onSilence();
        // in the same breath, so that no wish comes between
        if (!this.#isAnotherWanted) break;
      } catch {
        // the link says what is wrong; here it is only tried again
        onTried();
        const waitMs = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(attempt, 10));
        await pause(this.#host.settings.clock, waitMs);
      }
    }
    this.#pass = undefined;
    onTried();
  }

  /** True where something was missing that should have been published long ago. */
  async #follow(): Promise<boolean> {
    const { buffer } = this;
    const { source, settings } = this.#host;
    const anchor = await source.anchor(this.#isBegun ? buffer.position : undefined);
    if (this.isEnded) return false;
    this.#placing.skewMs = anchor.now - settings.clock.now();
    if (!this.#isBegun) this.#restart({ epoch: anchor.epoch, offset: anchor.head, id: anchor.headId });
    else {
      const parting = await reconcile(buffer, source, anchor);
      if (this.isEnded) return false;
      if (parting !== undefined) this.#part(parting);
    }
    this.#isBegun = true;
    const isSilent = await this.#fill(anchor);
    if (this.isEnded) return false;
    this.#isAnchored = true;
    this.#placeEarly();
    return isSilent;
  }

  #part({ reset, restart }: Parting): void {
    if (restart === undefined) this.buffer.rewind(reset.after);
    else this.#restart(restart);
    this.#host.onReset(reset);
  }

  async #fill({ epoch, head, headId, now }: Anchor): Promise<boolean> {
    const { buffer } = this;
    let isSilent = false;
    while (buffer.head < head) {
      const page = await this.#host.source.after(buffer.head + 1, epoch);
      if (this.isEnded) break;
      const oldest = page[0]?.offset ?? head + 1;
      // what is missing has been trimmed meanwhile
      if (oldest > buffer.head + 1) {
        this.#restart({ epoch, offset: oldest - 1, id: page.length === 0 ? headId : '' });
        this.#host.onReset({ why: 'trimmed', after: oldest - 1 });
      }
      for (const arrival of page) {
        if (arrival.offset === buffer.head + 1) this.#placing.append({ arrival, own: undefined });
        if (now - arrival.at > SILENCE_MS) isSilent = true;
      }
    }
    return isSilent;
  }

  /** What came while Redis was asked. */
  #placeEarly(): void {
    for (const place of this.#early.takeAll()) {
      const { own, arrival } = place;
      if (this.#placing.put(place)) continue;
      if (arrival.epoch === this.buffer.epoch && arrival.offset > this.buffer.head) this.#early.add(place);
      // of a history that Redis does not have any more
      else if (own !== undefined) this.#placing.failLost(own);
    }
    if (!this.#early.isEmpty) this.#awaitOvertaken();
  }

  #restart(position: Position): void {
    this.buffer.restart(position, this.#host.settings.clock.now());
    this.#history.restart();
  }
}
