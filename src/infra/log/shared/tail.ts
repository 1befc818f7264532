import type { Position } from '../../../api/log.ts';
import { LogBuffer } from '../log-buffer.ts';
import { pause } from '../../time/pause.ts';
import type { Anchor, Arrival } from './arrival.ts';
import type { PendingAppend } from './pending-appends.ts';
import { Overtaken } from './overtaken.ts';
import { ReorderBuffer } from './reorder-buffer.ts';
import { ENDED, type CatchUp } from './catch-up.ts';
import { Backfill } from './backfill.ts';
import { Placing, type Place } from './entry-placement.ts';
import { reconcile, type Parting } from './reconcile.ts';
import type { TailHost } from './tail-host.ts';

const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;
/** A notice that is missing for this long will not arrive. */
const SILENCE_MS = 3_000;

/**
 * - `opening`: The log was never asked for the thread's position.
 * - `asking`: the log is being asked; new entries wait.
 * - `standing`: as far as this process knows, the tail equals the shared log.
 * - `ended`: the thread has no reader any more.
 */
type TailState = 'opening' | 'asking' | 'standing' | 'ended';

/**
 * The part of one thread's log that this process holds, kept equal to the shared log. Notices bring new entries, and their offsets show missed
 * ones. An anchor shows whether the log still has this history.
 */
export class SharedTail {
  readonly buffer: LogBuffer;
  readonly #host: TailHost;
  readonly #placing: Placing;
  /** Undefined before an entry has come early. */
  #early: ReorderBuffer | undefined;
  /** Undefined before a reader has asked for older entries. */
  #history: Backfill | undefined;
  #state: TailState = 'opening';
  #catchUp: CatchUp | undefined;
  /** Undefined before an entry has waited for those before it. */
  #overtaken: Overtaken | undefined;
  /** How often the log was asked where the thread stands. */
  #questions = 0;
  /** How often the log may have become another one, and up to which time the tail was compared with it. */
  #doubts = 0;
  #settledDoubts = 0;
  #isOther = false;

  constructor(host: TailHost) {
    this.#host = host;
    const { settings } = host;
    this.buffer = new LogBuffer('', settings.retentionOf(host.threadId), settings.clock.now(), settings.ledger);
    this.#placing = new Placing(this.buffer, host);
  }

  /** The thread has no reader any more. */
  get isEnded(): boolean {
    return this.#state === 'ended' || this.#host.isClosed;
  }

  /** An entry of the thread has been published, or an own append has been answered. */
  place(arrival: Arrival, own?: PendingAppend): void {
    const isOther = this.#placing.isOfAnotherHistory(arrival);
    if (this.#isSure && !isOther && this.#placing.put({ arrival, own })) {
      this.#drainEarly();
      return;
    }
    // entries without room are read when the log has answered
    const hasRoom = this.#wait({ arrival, own });
    if ((isOther || !hasRoom) && this.#catchUp !== undefined) this.#catchUp.isAnotherWanted = true;
    const isOvertaking = own !== undefined && arrival.epoch === this.buffer.epoch && arrival.offset > this.buffer.head;
    if (this.#isSure && isOvertaking) this.#awaitOvertaken();
    // in doubt, an author does not wait until it is the thread's turn
    else if (this.#isSure || (own !== undefined && this.#state === 'standing')) void this.catchUp();
  }

  /**
   * The connection is another one, and the log perhaps, too: an entry that follows by its number may follow another entry. New ones wait until
   * `catchUp` or `trust`.
   * @param isOther the server is another one, or was started anew: its log may end as the tail does, and have other entries before
   */
  doubt(isOther = false): void {
    this.#doubts++;
    if (isOther) this.#isOther = true;
    if (this.#catchUp !== undefined) this.#catchUp.isAnotherWanted = true;
  }

  /** The log has been found to end where the tail does. */
  trust(): void {
    if (this.#state !== 'standing' || this.#isSure) return;
    if (this.#isOther) {
      void this.catchUp();
      return;
    }
    this.#settledDoubts = this.#doubts;
    this.#placeEarly();
  }

  get #isSure(): boolean {
    return this.#state === 'standing' && this.#settledDoubts === this.#doubts;
  }

  /**
   * Asks the log for the thread's position, and reads missing entries. Tries until it succeeds or the thread is not held any more; never
   * rejects.
   * @param isRoutine nothing is known to be missing
   */
  catchUp(isRoutine = false): Promise<void> {
    return this.#ask(isRoutine).done;
  }

  /** Like `catchUp`, but also resolves when an attempt has failed and others will follow. */
  tryCatchUp(): Promise<void> {
    return this.#ask(false).tried;
  }

  /** The tail is at this position, or is being compared anyway: there is nothing to find out. */
  isAt({ epoch, offset, id }: Position): boolean {
    const { buffer } = this;
    if (this.#state !== 'standing') return true;
    const held = buffer.at(offset)?.id ?? (offset === buffer.head ? buffer.headId : '');
    return buffer.epoch === epoch && buffer.head >= offset && (held === '' || held === id);
  }

  /** The log is being asked: resolves when it has answered. */
  get asking(): Promise<void> | undefined {
    return this.#catchUp?.done;
  }

  /** Resolves when the tail has a position. */
  async ready(): Promise<void> {
    if (this.#state === 'opening') await this.catchUp();
  }

  /** Makes the tail hold the entries after a position. */
  reach(from: Position | 'start'): Promise<void> | undefined {
    const isUnknown = from !== 'start' && (from.epoch !== this.buffer.epoch || from.offset > this.buffer.head);
    if (isUnknown) return this.catchUp().then(() => this.#load(from));
    return this.#load(from);
  }

  /** Releases memory, some at a time, but not what a reader is about to read. Returns how many entries it dropped. */
  unload(): number {
    return this.#history?.isLoading === true ? 0 : this.buffer.unload();
  }

  end(): void {
    this.#state = 'ended';
    this.#overtaken?.end();
    this.#history?.end();
    this.buffer.clear();
    for (const { own, arrival } of this.#early?.takeAll() ?? []) {
      if (own !== undefined) this.#placing.settleUnread(own, arrival);
    }
  }

  #ask(isRoutine: boolean): CatchUp {
    if (this.isEnded) return ENDED;
    if (this.#catchUp !== undefined) {
      if (!isRoutine) this.#catchUp.isAnotherWanted = true;
      return this.#catchUp;
    }
    const [done, tried] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const run = { done: done.promise, tried: tried.promise, isAnotherWanted: false };
    this.#catchUp = run;
    void this.#untilDone(run, isRoutine, tried.resolve).then(done.resolve);
    return run;
  }

  #load(from: Position | 'start'): Promise<void> | undefined {
    if (this.isEnded) return undefined;
    const oldest = from === 'start' || from.epoch !== this.buffer.epoch ? 1 : Math.max(1, from.offset);
    this.#history ??= new Backfill(this.buffer, this.#placing, this.#host);
    return this.#history.load(oldest);
  }

  /** False if too many wait. */
  #wait(place: Place): boolean {
    this.#early ??= new ReorderBuffer((own) => this.#placing.failLost(own));
    return this.#early.add(place, this.#questions);
  }

  #awaitOvertaken(): void {
    this.#overtaken ??= new Overtaken(this.#host.settings.clock, () => {
      if (this.#early?.isEmpty === false && !this.isEnded) void this.catchUp();
    });
    this.#overtaken.expect();
  }

  #drainEarly(): void {
    this.#overtaken?.came();
    for (;;) {
      const next = this.#early?.take(this.buffer.head + 1);
      if (next === undefined) return;
      if (this.#placing.put(next)) continue;
      void this.catchUp();
      return;
    }
  }

  /** Never rejects. */
  async #untilDone(run: CatchUp, isRoutine: boolean, onTried: () => void): Promise<void> {
    for (let attempt = 0; !this.isEnded; attempt++) {
      run.isAnotherWanted = false;
      if (this.#state === 'standing') this.#state = 'asking';
      try {
        await this.#host.subscribed();
        if (this.isEnded) break;
        const isSilent = await this.#follow();
        if (isRoutine && isSilent) this.#host.onSilence();
        // synchronously, so that no request comes between
        if (run.isAnotherWanted) continue;
        this.#placing.parted = Infinity;
        break;
      } catch {
        // the session reports the error; here it is only tried again
        onTried();
        const waitMs = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(attempt, 10));
        await pause(this.#host.settings.clock, waitMs);
      }
    }
    this.#catchUp = undefined;
    onTried();
  }

  /** True if an entry was missing that should have been published long ago. */
  async #follow(): Promise<boolean> {
    const { buffer } = this;
    const { source, settings } = this.#host;
    const doubts = this.#doubts;
    const question = ++this.#questions;
    const anchor = await source.anchor(this.#state === 'opening' ? undefined : buffer.position);
    if (this.isEnded) return false;
    this.#placing.compared(anchor.now - settings.clock.now(), anchor.now);
    if (this.#state === 'opening') {
      this.#restart({ epoch: anchor.epoch, offset: anchor.head, id: anchor.headId });
      this.#state = 'asking';
    } else {
      const parting = await reconcile(buffer, source, anchor, this.#placing.parted, this.#isOther);
      if (this.isEnded) return false;
      if (parting !== undefined) this.#part(parting);
    }
    const isSilent = await this.#fill(anchor);
    if (this.isEnded) return false;
    this.#early?.answered(question);
    this.#state = 'standing';
    this.#settledDoubts = doubts;
    if (doubts === this.#doubts) this.#isOther = false;
    if (this.#isSure) this.#placeEarly();
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
      // the missing entries have been trimmed meanwhile
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

  /** Places the entries that came while the log was asked. */
  #placeEarly(): void {
    for (const place of this.#early?.takeAll() ?? []) {
      const { own, arrival } = place;
      if (this.#placing.put(place)) continue;
      // of a history that the log no longer has
      if (own !== undefined && (arrival.epoch !== this.buffer.epoch || arrival.offset <= this.buffer.head))
        this.#placing.failLost(own);
      else this.#wait(place);
    }
    if (this.#early?.isEmpty === false) this.#awaitOvertaken();
  }

  #restart(position: Position): void {
    this.buffer.restart(position, this.#host.settings.clock.now());
    this.#history?.restart();
  }
}
