import type { LogValues, ValueChange } from '../../api/log-values.ts';
import { encodeText } from '../../infra/wire/frames.ts';
import type { Counters } from '../support/counters.ts';
import type { HubSettings } from '../support/settings.ts';
import type { ValueReader } from './value-reader.ts';

/** Removed keys that are remembered, so that members that are behind get changes; those further behind get all values. */
const MOST_REMOVED = 1_000;

/** Frames that are kept for members at the same place. */
const MOST_FRAMES = 8;

/** The thread that the values are of. */
interface ValuesHost {
  readonly id: string;
  readonly counters: Counters;
  readonly now: () => number;
  readonly report: (error: unknown) => void;
  /** Visits the members. */
  offerText(): void;
}

/** The newest state of a key, and the number of the change that made it. */
interface Latest {
  /** Undefined if it was removed. */
  readonly json: string | undefined;
  readonly number: number;
}

/**
 * The values of an open thread, as its members are sent them. A member is a number: that of the last change that it had. It is sent the newest
 * value of each key that has changed since, so that a slow member gets less, not later. Changes within a window leave together.
 */
export class ThreadValues {
  readonly #host: ValuesHost;
  readonly #windowMs: number;
  readonly #later: (host: ValuesHost) => void;
  readonly #stop: () => void;
  /** In the order of their changes. */
  readonly #byKey = new Map<string, Latest>();
  readonly #frames = new Map<number, Uint8Array>();
  /** The number of the newest change; -1 until the log has said what there is. */
  #number = -1;
  /** Changes up to this one have been offered. */
  #offered = -1;
  #offeredAt = -Infinity;
  #removed = 0;
  /** Who has not had this change gets all values: removals before it are forgotten. */
  #floor = 0;

  /** @param later visits the members at the end of the window */
  constructor(host: ValuesHost, log: LogValues, windowMs: number, later: (host: ValuesHost) => void) {
    this.#host = host;
    this.#windowMs = windowMs;
    this.#later = later;
    this.#stop = log.watch(host.id, (changes, isWhole) => this.#take(changes, isWhole));
  }

  /** How many there are. */
  get size(): number {
    return this.#byKey.size - this.#removed;
  }

  owes(reader: ValueReader): boolean {
    return reader.valuesAt < this.#offered;
  }

  /** Writes what the member has not had; false if its socket takes nothing now. */
  offer(reader: ValueReader): boolean {
    if (!this.owes(reader)) return true;
    if (!reader.canWrite) return false;
    reader.writeText(this.#frameAfter(reader.valuesAt));
    reader.valuesAt = this.#number;
    this.#host.counters.valueFrames++;
    return true;
  }

  /** Bytes that a member without any values is sent. */
  get wholeBytes(): number {
    return this.#number < 0 ? 0 : this.#frameAfter(-1).length;
  }

  /** A fan-out begins: all changes so far are for its visits. */
  flush(): void {
    if (this.#offered === this.#number) return;
    this.#offered = this.#number;
    this.#offeredAt = this.#host.now();
  }

  /** The thread is closed. */
  end(): void {
    this.#stop();
  }

  #take(changes: readonly ValueChange[], isWhole: boolean): void {
    const before = this.#number;
    this.#number = Math.max(0, before);
    if (isWhole) {
      const kept = new Set(changes.map(({ key }) => key));
      const gone = [...this.#byKey.keys()].filter((key) => !kept.has(key));
      for (const key of gone) this.#put(key, undefined);
    }
    for (const { key, json } of changes) this.#put(key, json);
    if (this.#number === before) return;
    this.#forgetRemoved();
    this.#frames.clear();
    if (this.#host.now() - this.#offeredAt < this.#windowMs) this.#later(this.#host);
    else this.#host.offerText();
  }

  #put(key: string, json: string | undefined): void {
    const former = this.#byKey.get(key);
    if (former?.json === json) return;
    if (former !== undefined && former.json === undefined) this.#removed--;
    if (json === undefined) this.#removed++;
    // at the end, where the newest changes are
    this.#byKey.delete(key);
    this.#byKey.set(key, { json, number: ++this.#number });
  }

  #forgetRemoved(): void {
    if (this.#removed <= MOST_REMOVED) return;
    for (const [key, { json, number }] of this.#byKey) {
      if (json !== undefined) continue;
      this.#byKey.delete(key);
      this.#floor = number;
      if (--this.#removed <= MOST_REMOVED / 2) return;
    }
  }

  #frameAfter(number: number): Uint8Array {
    let frame = this.#frames.get(number);
    if (frame === undefined) {
      frame = encodeValues(this.#host.id, this.#entriesAfter(number), number < this.#floor);
      if (this.#frames.size < MOST_FRAMES) this.#frames.set(number, frame);
    }
    return frame;
  }

  *#entriesAfter(after: number): Generator<ValueChange> {
    const isWhole = after < this.#floor;
    for (const [key, { json, number }] of this.#byKey) {
      if (isWhole ? json !== undefined : number > after) yield { key, json };
    }
  }
}

/** `vals`: the newest values of keys, or of all keys that there are. */
function encodeValues(threadId: string, changes: Iterable<ValueChange>, isWhole: boolean): Uint8Array {
  const entries = Array.from(changes, ({ key, json }) =>
    json === undefined ? `[${JSON.stringify(key)}]` : `[${JSON.stringify(key)},${json}]`,
  );
  const head = `{"t":"vals","th":${JSON.stringify(threadId)}${isWhole ? ',"all":true' : ''}`;
  const [[whole = new Uint8Array(0)] = []] = encodeText(`${head},"l":[${entries.join(',')}]}`).pieces;
  return whole;
}

/** Undefined where the log has no values, or fails. */
export function openThreadValues(
  host: ValuesHost,
  { log, streams }: Pick<HubSettings, 'log' | 'streams'>,
  later: (host: ValuesHost) => void,
): ThreadValues | undefined {
  const { values } = log;
  try {
    return values && new ThreadValues(host, values, streams.windowMs, later);
  } catch (error) {
    host.report(error);
    return undefined;
  }
}
