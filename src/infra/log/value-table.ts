import { MAX_INT32 } from '../option-checks.ts';
import type { Clock, TimerHandle } from '../../api/clock.ts';
import type { Ledger } from './retention.ts';

/** Memory of a value besides its key and its JSON. */
export const VALUE_BYTES = 256;

/** A value of a thread, as a process holds it. */
export interface HeldValue {
  readonly key: string;
  readonly json: string;
  readonly owner: string | undefined;
  /** On the process's clock; Infinity for a value that stays. */
  readonly expiresAt: number;
}

/** The values of one thread that this process holds: their bytes, and the end of their time. */
export class ValueTable {
  readonly #clock: Clock;
  readonly #ledger: Ledger;
  readonly #onExpired: (keys: readonly string[]) => void;
  readonly #byKey = new Map<string, HeldValue>();
  #bytes = 0;
  /** No value's time is up before; that of the value it was set for may be later now. */
  #earliest = Infinity;
  #timer: TimerHandle;

  /**
   * @param ledger counts the memory of the values
   * @param onExpired called when values have gone because their time was up
   */
  constructor(clock: Clock, ledger: Ledger, onExpired: (keys: readonly string[]) => void) {
    this.#clock = clock;
    this.#ledger = ledger;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Bytes of keys and values, in UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Those whose time is not up. */
  *values(): Generator<HeldValue> {
    const now = this.#clock.now();
    for (const value of this.#byKey.values()) if (value.expiresAt > now) yield value;
  }

  get(key: string): HeldValue | undefined {
    const value = this.#byKey.get(key);
    return value !== undefined && value.expiresAt > this.#clock.now() ? value : undefined;
  }

  put(value: HeldValue): void {
    this.remove(value.key);
    this.#byKey.set(value.key, value);
    this.#count(value, 1);
    this.#wakeAt(value.expiresAt);
  }

  /** False if there was none. */
  remove(key: string): boolean {
    const value = this.#byKey.get(key);
    if (value === undefined) return false;
    this.#byKey.delete(key);
    this.#count(value, -1);
    return true;
  }

  /** Removes the values whose time is up. */
  expire(): void {
    const now = this.#clock.now();
    if (this.#earliest > now) return;
    const expired: string[] = [];
    let earliest = Infinity;
    for (const { key, expiresAt } of this.#byKey.values()) {
      if (expiresAt <= now) expired.push(key);
      else earliest = Math.min(earliest, expiresAt);
    }
    this.#stop();
    this.#wakeAt(earliest);
    if (expired.length === 0) return;
    for (const key of expired) this.remove(key);
    this.#onExpired(expired);
  }

  clear(): void {
    this.#stop();
    for (const key of this.#byKey.keys()) this.remove(key);
  }

  #count(value: HeldValue, sign: 1 | -1): void {
    const bytes = bytesOf(value);
    this.#bytes += sign * bytes;
    this.#ledger.bytes += sign * (bytes + VALUE_BYTES);
  }

  #due(): void {
    const at = this.#earliest;
    this.expire();
    // a timer waits for 25 days at most
    if (this.#earliest === at && at !== Infinity) {
      this.#stop();
      this.#wakeAt(at);
    }
  }

  #wakeAt(at: number): void {
    if (at >= this.#earliest) return;
    this.#stop();
    this.#earliest = at;
    const ms = Math.max(0, Math.ceil(at - this.#clock.now()));
    this.#timer = this.#clock.setTimeout(() => this.#due(), Math.min(ms, MAX_INT32));
  }

  #stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#earliest = Infinity;
  }
}

/** What a value counts against the limits of its thread. */
export const bytesOf = ({ key, json }: { readonly key: string; readonly json: string }): number =>
  Buffer.byteLength(key) + Buffer.byteLength(json);
