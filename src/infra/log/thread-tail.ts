import type { Clock } from '../../api/clock.ts';
import type { Entry, EntryDraft } from '../../api/entry.ts';
import type { Appended, LogPage, LogReset, LogSubscription, Position } from '../../api/log.ts';
import type { TailOptions, ThreadTail } from '../../api/log-tail.ts';
import { UnknownMessageError } from '../errors.ts';
import { checkCount, checkMethods, checkNumber } from '../option-checks.ts';
import { checkOptions, type OptionTable } from '../option-table.ts';
import { CLOCK_METHODS, systemClock, wallTime } from '../time/clock.ts';
import { releaseDraft } from './entry.ts';
import { checkedEpochs } from './ids.ts';
import { LogBuffer } from './log-buffer.ts';
import { readAfter, readBefore } from './pages.ts';
import { TailReaders, type TailReader } from './tail-readers.ts';

interface Subscriber extends TailReader {
  readonly onEntry: (entry: Entry) => void;
  readonly onReset: ((reset: LogReset) => void) | undefined;
}

const TAIL_OPTIONS: OptionTable<TailOptions> = {
  epoch: 'any',
  maxEntries: 'number',
  maxBytes: 'number',
  maxAgeMs: 'number',
  clock: 'any',
};

/**
 * The tail of one thread, to build a log on: see `docs/logs.md`.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function makeTail(options: TailOptions): ThreadTail {
  return new OwnTail(options);
}

class OwnTail implements ThreadTail {
  readonly #buffer: LogBuffer;
  readonly #clock: Clock;
  readonly #subscribers = new TailReaders<Subscriber>((offset) => this.#buffer.hold(offset));

  constructor(options: TailOptions) {
    checkOptions<TailOptions>(options, TAIL_OPTIONS, 'tail');
    this.#clock = checkMethods('tail.clock', options.clock, CLOCK_METHODS) ?? systemClock;
    const retention = {
      maxEntries: checkCount('tail.maxEntries', options.maxEntries, 1_000, { min: 1, max: 10_000_000 }),
      maxBytes: checkCount('tail.maxBytes', options.maxBytes, 64 * 1024 * 1024, { min: 1 }),
      maxAgeMs: checkNumber('tail.maxAgeMs', options.maxAgeMs, 3_600_000, { min: 1 }),
    };
    this.#buffer = new LogBuffer(checkedEpochs(() => options.epoch)(), retention, this.#clock.now());
  }

  get epoch(): string {
    return this.#buffer.epoch;
  }

  get first(): number {
    return this.#buffer.first;
  }

  get head(): number {
    return this.#buffer.head;
  }

  get headId(): string {
    return this.#buffer.headId;
  }

  get idBefore(): string {
    return this.#buffer.idBefore;
  }

  get position(): Position {
    return this.#buffer.position;
  }

  get heldBytes(): number {
    return this.#buffer.bytes;
  }

  at(offset: number): Entry | undefined {
    return this.#buffer.at(offset);
  }

  byId(id: string): Entry | undefined {
    return this.#buffer.byId(id);
  }

  criticalAfter(offset: number): number | undefined {
    return this.#buffer.criticalAfter(offset);
  }

  criticalCountAfter(offset: number): number {
    return this.#buffer.criticalCountAfter(offset);
  }

  known(draft: EntryDraft): Appended | undefined {
    const { id, threadId, target } = draft;
    const entry = this.#buffer.byId(id);
    if (entry !== undefined) {
      releaseDraft(draft);
      return { entry, isDuplicate: true };
    }
    if (target === undefined || this.#buffer.holds(target)) return undefined;
    releaseDraft(draft);
    throw new UnknownMessageError({ threadId, messageId: target });
  }

  add(draft: EntryDraft): Entry {
    const now = this.#clock.now();
    const wall = wallTime(this.#clock);
    const { at = wall } = draft;
    // the store may have it from before this process began
    const entry = this.#buffer.append(draft, now, now - Math.max(0, wall - at), at);
    for (const { onEntry } of this.#subscribers) onEntry(entry);
    return entry;
  }

  readAfter(offset: number, limit: number): readonly Entry[] {
    return readAfter(this.#buffer, offset, limit, this.#clock.now());
  }

  readBefore(before: number, limit: number, maxBytes: number): LogPage {
    return readBefore(this.#buffer, before, limit, maxBytes, this.#clock.now());
  }

  subscribe(onEntry: (entry: Entry) => void, onReset?: (reset: LogReset) => void): LogSubscription {
    const subscriber: Subscriber = { onEntry, onReset, heldAfter: Infinity };
    this.#subscribers.add(subscriber);
    return {
      tail: this.#buffer,
      hold: (offset) => this.#subscribers.hold(subscriber, offset),
      unsubscribe: () => void this.#subscribers.delete(subscriber),
    };
  }

  restart(position: Position, why: LogReset['why']): void {
    this.#buffer.restart(position, this.#clock.now());
    for (const { onReset } of this.#subscribers) onReset?.({ why, after: position.offset });
  }

  trim(): boolean {
    return this.#buffer.trim(this.#clock.now());
  }

  clear(): void {
    this.#buffer.clear();
  }
}
