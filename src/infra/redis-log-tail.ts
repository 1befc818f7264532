import type { TimerHandle } from './clock.ts';
import type { LogReset } from './delivery-log.ts';
import { Entry } from './entry.ts';
import { LogUnavailableError } from './errors.ts';
import type { Position } from './ids.ts';
import { LogBuffer, type StoredDraft } from './log-buffer.ts';
import { pause } from './pause.ts';
import { draftOf, type Anchor, type Arrival } from './redis-log-codec.ts';
import type { OwnAppend } from './redis-log-append.ts';
import type { RedisLogSettings } from './redis-log-options.ts';
import type { RedisSource } from './redis-log-source.ts';

/** What a tail needs of its thread. */
export interface TailHost {
  readonly threadId: string;
  readonly settings: RedisLogSettings;
  readonly source: RedisSource;
  readonly isClosed: boolean;
  /** Resolves when the thread's channel is subscribed on the connections that there are now. */
  subscribed(): Promise<void>;
  /** This process's append with this id that is on its way. */
  ownAppend(id: string): OwnAppend | undefined;
  onEntry(entry: Entry): void;
  onReset(reset: LogReset): void;
  /** Entries were found in Redis that had been published long ago. */
  onSilence(): void;
}

/** Entries that wait for others before them; what is beyond is read from Redis. */
const MAX_EARLY = 1_024;
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

/** A new entry of Redis, perhaps one of this process's appends. */
interface Place {
  readonly arrival: Arrival;
  /** Its append was answered with this place. */
  readonly own: OwnAppend | undefined;
}

/**
 * The part of one thread's log that this process holds, kept the same as Redis's: notices show what is new, their offsets what was
 * missed, and an anchor, whether this is still the history that Redis has.
 */
export class RedisTail {
  readonly buffer: LogBuffer;
  readonly #host: TailHost;
  /** By offset. */
  readonly #early = new Map<number, Place>();
  /** False until Redis was asked, and while it is asked again: then everything waits. */
  #isAnchored = false;
  /** False until Redis was asked for the first time. */
  #isBegun = false;
  #hasEnded = false;
  #pass: Pass | undefined;
  #isAnotherWanted = false;
  #overtake: TimerHandle;
  /** Redis has nothing older than the oldest that is held. */
  #isComplete = false;
  #loading: Promise<void> | undefined;
  /** What Redis's time is ahead of this process's clock. */
  #skewMs = 0;

  constructor(host: TailHost) {
    this.#host = host;
    this.buffer = new LogBuffer('', host.settings.retention, host.settings.clock.now());
  }

  /** Something of the thread has been published, or an own append has been answered. */
  place(arrival: Arrival, own?: OwnAppend): void {
    if (this.#isAnchored && this.#put({ arrival, own })) {
      this.#drainEarly();
      return;
    }
    if (this.#early.size < MAX_EARLY || own !== undefined) this.#early.set(arrival.offset, { arrival, own });
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
    if (isUnknown) return this.catchUp().then(() => this.#load(this.#oldestWanted(from)));
    return this.#load(this.#oldestWanted(from));
  }

  end(): void {
    this.#hasEnded = true;
    this.#host.settings.clock.clearTimeout(this.#overtake);
    this.buffer.clear();
    this.#early.clear();
  }

  /** Nobody reads it any more. */
  get #isEnded(): boolean {
    return this.#hasEnded || this.#host.isClosed;
  }

  #ask(isRoutine: boolean): Pass {
    if (this.#isEnded) return { done: Promise.resolve(), tried: Promise.resolve() };
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
    if (this.#early.size > 0 && !this.#isEnded) void this.catchUp();
  }

  /** True where the entry has its place, or has no need of one. */
  #put(place: Place): boolean {
    const { buffer } = this;
    const { arrival, own } = place;
    const { epoch, offset, id } = arrival;
    if (epoch !== buffer.epoch) return false;
    if (offset > buffer.head + 1) return false;
    if (offset === buffer.head + 1) return this.#append(place);
    const known = buffer.at(offset);
    if (known === undefined) {
      if (offset === buffer.head && buffer.headId !== id) return false;
      // trimmed, or never read because nobody asked for it
      own?.settle({ entry: new Entry(own.draft, offset, this.#host.settings.clock.now()), isDuplicate: false });
      return true;
    }
    if (known.id !== id) return false;
    own?.settle({ entry: known, isDuplicate: false });
    return true;
  }

  #append({ arrival, own: answered }: Place): boolean {
    const { settings, threadId } = this.#host;
    const underWay = this.#host.ownAppend(arrival.id);
    const isOurs = answered !== undefined || arrival.header.by === settings.nodeId;
    const own = answered ?? underWay;
    const now = settings.clock.now();
    if (isOurs && own !== undefined && !own.isSettled) {
      const entry = this.buffer.append(own.takeDraft(), now);
      this.#host.onEntry(entry);
      own.settle({ entry, isDuplicate: false });
      return true;
    }
    if (arrival.body === undefined) return false;
    const loggedAt = Math.min(now, arrival.at - this.#skewMs);
    const entry = this.buffer.append(draftOf(threadId, arrival, loggedAt), now, loggedAt);
    this.#host.onEntry(entry);
    // another process was first with this id
    underWay?.settle({ entry, isDuplicate: true });
    return true;
  }

  #drainEarly(): void {
    for (let next = this.#takeNext(); next !== undefined; next = this.#takeNext()) {
      if (this.#put(next)) continue;
      void this.catchUp();
      return;
    }
  }

  #takeNext(): Place | undefined {
    if (this.#early.size === 0) return undefined;
    const next = this.#early.get(this.buffer.head + 1);
    if (next !== undefined) this.#early.delete(next.arrival.offset);
    return next;
  }

  async #untilDone(isRoutine: boolean, onTried: () => void): Promise<void> {
    for (let attempt = 0; !this.#isEnded; attempt++) {
      this.#isAnotherWanted = false;
      this.#isAnchored = false;
      try {
        await this.#host.subscribed();
        if (this.#isEnded) break;
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
    if (this.#isEnded) return false;
    this.#skewMs = anchor.now - settings.clock.now();
    if (this.#isBegun) await this.#reconcile(anchor);
    else this.#restart({ epoch: anchor.epoch, offset: anchor.head, id: anchor.headId });
    this.#isBegun = true;
    const isSilent = await this.#fill(anchor);
    if (this.#isEnded) return false;
    this.#isAnchored = true;
    this.#placeEarly();
    return isSilent;
  }

  /** Goes back to what this process and Redis have in common, where Redis has another history. */
  async #reconcile({ epoch, head, headId, known }: Anchor): Promise<void> {
    const { buffer } = this;
    if (epoch !== buffer.epoch) {
      const [oldest] = await this.#host.source.after(1, epoch, 1);
      const after = oldest === undefined ? head : oldest.offset - 1;
      this.#restart({ epoch, offset: after, id: oldest === undefined ? headId : '' });
      this.#host.onReset({ why: 'epoch', after });
      return;
    }
    const there = head === buffer.head ? headId : known;
    if (head >= buffer.head && (there === undefined || there === buffer.headId || buffer.headId === '')) return;
    const common = await this.#common(Math.min(head, buffer.head));
    if (common === undefined) this.#restart({ epoch, offset: head, id: headId });
    else buffer.rewind(common);
    this.#host.onReset({ why: 'fork', after: common ?? head });
  }

  /** The newest of the entries that are held which Redis has as well. */
  async #common(from: number): Promise<number | undefined> {
    const { buffer } = this;
    for (let at = from; at >= buffer.first;) {
      const page = await this.#host.source.before(at, buffer.first, buffer.epoch);
      for (const { offset, id } of page) if (buffer.at(offset)?.id === id) return offset;
      const oldest = page.at(-1);
      if (oldest === undefined) return undefined;
      at = oldest.offset - 1;
    }
    return undefined;
  }

  async #fill({ epoch, head, headId, now }: Anchor): Promise<boolean> {
    const { buffer } = this;
    let isSilent = false;
    while (buffer.head < head && !this.#isEnded) {
      const page = await this.#host.source.after(buffer.head + 1, epoch);
      const oldest = page[0]?.offset ?? head + 1;
      // what is missing has been trimmed meanwhile
      if (oldest > buffer.head + 1) {
        this.#restart({ epoch, offset: oldest - 1, id: page.length === 0 ? headId : '' });
        this.#host.onReset({ why: 'trimmed', after: oldest - 1 });
      }
      for (const arrival of page) {
        if (arrival.offset === buffer.head + 1) this.#append({ arrival, own: undefined });
        if (now - arrival.at > SILENCE_MS) isSilent = true;
      }
    }
    return isSilent;
  }

  /** What came while Redis was asked. */
  #placeEarly(): void {
    const places = [...this.#early.values()].toSorted((a, b) => a.arrival.offset - b.arrival.offset);
    this.#early.clear();
    for (const place of places) {
      const { own, arrival } = place;
      if (this.#put(place)) continue;
      if (arrival.epoch === this.buffer.epoch && arrival.offset > this.buffer.head)
        this.#early.set(arrival.offset, place);
      // of a history that Redis does not have any more
      else
        own?.fail(
          new LogUnavailableError({ threadId: this.#host.threadId, reason: 'Redis has lost the message again' }),
        );
    }
    if (this.#early.size > 0) this.#awaitOvertaken();
  }

  #restart(position: Position): void {
    this.buffer.restart(position, this.#host.settings.clock.now());
    this.#isComplete = false;
  }

  /** Reads older entries, from the newest of them on. */
  #load(oldest: number): Promise<void> | undefined {
    const { buffer } = this;
    const isFull = buffer.hasTrimmed || buffer.head - buffer.first + 1 >= this.#host.settings.retention.maxEntries;
    if (oldest >= buffer.first || this.#isComplete || isFull || this.#isEnded) return undefined;
    this.#loading ??= this.#loadPage(oldest).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading.then(() => this.#load(oldest));
  }

  async #loadPage(oldest: number): Promise<void> {
    const { buffer } = this;
    const { settings, source, threadId } = this.#host;
    const { maxEntries, maxAgeMs, maxBytes } = settings.retention;
    const { epoch, first } = buffer;
    const page = await source.before(first - 1, Math.max(oldest, buffer.head - maxEntries + 1), epoch);
    // it has moved meanwhile: whoever asked asks again
    if (buffer.epoch !== epoch || buffer.first !== first || this.#isEnded) return;
    const now = settings.clock.now();
    const older: StoredDraft[] = [];
    let bytes = buffer.bytes;
    for (const arrival of page) {
      const loggedAt = Math.min(now, arrival.at - this.#skewMs);
      bytes += arrival.body?.length ?? 0;
      if (arrival.offset !== first - 1 - older.length || loggedAt + maxAgeMs <= now || bytes > maxBytes) break;
      older.push({ draft: draftOf(threadId, arrival, loggedAt), offset: arrival.offset, loggedAt });
    }
    if (older.length < page.length || page.length === 0) this.#isComplete = true;
    if (older.length > 0) buffer.prepend(older.reverse());
  }
}
