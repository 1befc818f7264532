import type { Position } from '../../../api/log.ts';
import { pause } from '../../time/pause.ts';
import type { Anchor } from './arrival.ts';
import { CatchUpRun, ENDED, type CatchUp } from './catch-up.ts';
import { Backfill } from './backfill.ts';
import { reconcile, type Parting } from './reconcile.ts';
import { TailEntries, type Question } from './tail-entries.ts';

const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;
/** A notice that is missing for this long will not arrive. */
const SILENCE_MS = 3_000;

/**
 * The part of one thread's log that this process holds, kept equal to the shared log. Notices bring new entries, and their offsets show missed
 * ones. An anchor shows whether the log still has this history.
 */
export class SharedTail extends TailEntries {
  /** Undefined before a reader has asked for older entries. */
  #history: Backfill | undefined;
  /** What it was when the log was asked with other threads; undefined if it is not. */
  #opening: Question | undefined;

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
    if (this.state !== 'standing') return true;
    const held = buffer.at(offset)?.id ?? (offset === buffer.head ? buffer.headId : '');
    return buffer.epoch === epoch && buffer.head >= offset && (held === '' || held === id);
  }

  /** The log is being asked: resolves when it has answered. */
  get asking(): Promise<void> | undefined {
    return this.run?.done;
  }

  /** Resolves when the tail has a position. */
  async ready(): Promise<void> {
    if (this.state === 'opening') await (this.asking ?? this.catchUp());
  }

  /** It has a position, and is not being compared. */
  get isReady(): boolean {
    return this.state === 'standing' && this.run === undefined;
  }

  /** Whether the log is to be asked with other threads, which `opened` or `openAlone` ends. */
  expectOpening(): boolean {
    if (this.state !== 'opening' || this.run !== undefined) return false;
    this.run = new CatchUpRun();
    this.#opening = this.question();
    return true;
  }

  /** The log has answered, with other threads: all in one go, without a promise. */
  opened(anchor: Anchor): void {
    const question = this.#opening;
    const run = this.run;
    if (question === undefined || run === undefined || this.isEnded) return;
    this.#opening = undefined;
    this.compared(anchor);
    this.#restart({ epoch: anchor.epoch, offset: anchor.head, id: anchor.headId });
    this.answered(question);
    if (run.isAnotherWanted) void this.#untilDone(run, false);
    else this.#end(run);
  }

  /** Without the other threads, if the log has not answered with them. */
  openAlone(): void {
    if (this.#opening === undefined || this.run === undefined) return;
    this.#opening = undefined;
    void this.#untilDone(this.run, false);
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
    this.state = 'ended';
    this.#history?.end();
    this.endEntries();
  }

  #ask(isRoutine: boolean): CatchUp {
    if (this.isEnded) return ENDED;
    if (this.run !== undefined) {
      if (!isRoutine) this.run.isAnotherWanted = true;
      return this.run;
    }
    const run = new CatchUpRun();
    this.run = run;
    void this.#untilDone(run, isRoutine);
    return run;
  }

  #load(from: Position | 'start'): Promise<void> | undefined {
    if (this.isEnded) return undefined;
    const oldest = from === 'start' || from.epoch !== this.buffer.epoch ? 1 : Math.max(1, from.offset);
    this.#history ??= new Backfill(this.buffer, this.placing, this.host);
    return this.#history.load(oldest);
  }

  /** Never rejects. */
  async #untilDone(run: CatchUpRun, isRoutine: boolean): Promise<void> {
    for (let attempt = 0; !this.isEnded; attempt++) {
      run.isAnotherWanted = false;
      if (this.state === 'standing') this.state = 'asking';
      try {
        await this.host.subscribed();
        if (this.isEnded) break;
        const isSilent = await this.#follow();
        if (isRoutine && isSilent) this.host.onSilence();
        // synchronously, so that no request comes between
        if (run.isAnotherWanted) continue;
        break;
      } catch {
        // the session reports the error; here it is only tried again
        run.attempted();
        const waitMs = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(attempt, 10));
        await pause(this.host.settings.clock, waitMs);
      }
    }
    this.#end(run);
  }

  #end(run: CatchUpRun): void {
    this.placing.parted = Infinity;
    this.run = undefined;
    run.end();
  }

  /** True if an entry was missing that should have been published long ago. */
  async #follow(): Promise<boolean> {
    const { buffer } = this;
    const { source } = this.host;
    const question = this.question();
    const anchor = await source.anchor(this.state === 'opening' ? undefined : buffer.position);
    if (this.isEnded) return false;
    this.compared(anchor);
    if (this.state === 'opening') {
      this.#restart({ epoch: anchor.epoch, offset: anchor.head, id: anchor.headId });
      this.state = 'asking';
    } else {
      const parting = await reconcile(buffer, source, anchor, this.placing.parted, this.isOther);
      if (this.isEnded) return false;
      if (parting !== undefined) this.#part(parting);
    }
    const isSilent = await this.#fill(anchor);
    if (this.isEnded) return false;
    this.answered(question);
    return isSilent;
  }

  #part({ reset, restart }: Parting): void {
    if (restart === undefined) this.buffer.rewind(reset.after);
    else this.#restart(restart);
    this.host.onReset(reset);
  }

  async #fill({ epoch, head, headId, now }: Anchor): Promise<boolean> {
    const { buffer } = this;
    let isSilent = false;
    while (buffer.head < head) {
      const page = await this.host.source.after(buffer.head + 1, epoch);
      if (this.isEnded) break;
      const oldest = page[0]?.offset ?? head + 1;
      // the missing entries have been trimmed meanwhile
      if (oldest > buffer.head + 1) {
        this.#restart({ epoch, offset: oldest - 1, id: page.length === 0 ? headId : '' });
        this.host.onReset({ why: 'trimmed', after: oldest - 1 });
      }
      for (const arrival of page) {
        if (arrival.offset === buffer.head + 1) this.placing.append({ arrival, own: undefined });
        if (now - arrival.at > SILENCE_MS) isSilent = true;
      }
    }
    return isSilent;
  }

  #restart(position: Position): void {
    this.buffer.restart(position, this.host.settings.clock.now());
    this.#history?.restart();
  }
}
