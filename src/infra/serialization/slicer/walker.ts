import { types } from 'node:util';
import { UnserializableMessageError } from '../../errors.ts';
import { Ancestors } from './ancestors.ts';
import { ArrayFrame } from './array-frame.ts';
import { SizeEstimator } from './estimator.ts';
import type { WalkFrame } from './frame.ts';
import { numberText, quote } from './json-text.ts';
import type { SlicerLimits } from './limits.ts';
import { ObjectFrame } from './object-frame.ts';
import type { Output } from './output.ts';
import { StreamedArray, isStreamed, type StreamedObject } from './streamed.ts';
import { StreamedArrayFrame, StreamedObjectFrame } from './streamed-frames.ts';
import { BytesFrame, RawTextFrame, StringFrame } from './text-frames.ts';
import type { PendingElements, WalkContext } from './walk-context.ts';
import {
  isLeftOut,
  isMembers,
  isPlainDate,
  isPlainBuffer,
  isRawJSON,
  isResolvable,
  lossyKind,
  toJSONOf,
  toJSONOfBigInt,
  type Resolvable,
} from './values.ts';

/** Why the walker stopped: all is written; the deadline passed; or an async source has nothing to give yet. */
export type WalkState = 'finished' | 'unfinished' | 'suspended';

/** What a call of a user's `toJSON` is charged: it takes about as long as this many bytes of JSON. */
const TO_JSON_UNITS = 96;

export interface WalkerOptions {
  readonly limits: SlicerLimits;
  readonly now: () => number;
  readonly refuseSources: boolean;
  readonly refuseLossy: boolean;
  /** Of the root: native code must not have it. */
  readonly isKnownBig: boolean;
}

/**
 * `JSON.stringify` that can stop anywhere. Big containers and strings are frames on an explicit stack; whatever the
 * estimator proves to be small goes to native code.
 */
export class Walker implements WalkContext {
  readonly output: Output;
  readonly limits: SlicerLimits;
  /** Units of work since the last look at the clock; each piece of work is charged here. */
  work = 0;
  readonly #now: () => number;
  readonly #refuseSources: boolean;
  readonly #refuseLossy: boolean;
  readonly #isKnownBig: boolean;
  readonly #estimator: SizeEstimator;
  readonly #frames: WalkFrame[] = [];
  readonly #ancestors = new Ancestors();
  #awaited: Promise<void> | undefined;

  constructor(output: Output, options: WalkerOptions) {
    this.output = output;
    this.limits = options.limits;
    this.#now = options.now;
    this.#refuseSources = options.refuseSources;
    this.#refuseLossy = options.refuseLossy;
    this.#isKnownBig = options.isKnownBig;
    this.#estimator = new SizeEstimator(options.limits, options.refuseLossy);
  }

  /** Begins with the root; false where JSON.stringify would return undefined. Nothing big is written yet. */
  start(root: unknown): boolean {
    const value = isResolvable(root) ? this.resolve(root, '') : root;
    if (isLeftOut(value)) return false;
    if (this.#isKnownBig && value === root && typeof value === 'object' && value !== null) this.open(value, root);
    else this.write(value, root);
    return true;
  }

  /** Walks on until a look at the clock finds the deadline passed; the clock is looked at every `runUnits` of work. */
  run(deadline: number): WalkState {
    const frames = this.#frames;
    for (;;) {
      const top = frames[frames.length - 1];
      if (top === undefined) return 'finished';
      if (this.isDue) {
        this.work = 0;
        if (this.#now() >= deadline) return 'unfinished';
      }
      top.step(this);
      if (this.#awaited !== undefined) return 'suspended';
    }
  }

  /** What a suspended walk waits for; asking ends the suspension. */
  takeAwaited(): Promise<void> | undefined {
    const awaited = this.#awaited;
    this.#awaited = undefined;
    return awaited;
  }

  /** Closes the sources of streamed frames, innermost first, and forgets the value. */
  abandon(): void {
    for (let frame = this.#frames.pop(); frame !== undefined; frame = this.#frames.pop()) frame.abandon();
  }

  /** True when enough work was done since the clock was last looked at. */
  get isDue(): boolean {
    return this.work > this.limits.runUnits;
  }

  /** A frame's way to wait: it will be stepped again once `promise` is settled. */
  suspendUntil(promise: Promise<void>): void {
    this.#awaited = promise;
  }

  /**
   * The value that stands for this one: its `toJSON`, called once and with the real key, or else itself.
   *
   * @param pending elements that have to be written before user code runs, because it might change them
   */
  resolve(value: Resolvable, key: string | number, pending?: PendingElements): unknown {
    const toJSON = typeof value === 'bigint' ? toJSONOfBigInt(value) : toJSONOf(value);
    if (typeof toJSON !== 'function') return value;
    // Both are written by frames of their own, without the copy that the method would make.
    if (typeof value === 'object' && (isStreamed(value) || isPlainBuffer(value, toJSON))) return value;
    if (typeof value !== 'object' || !isPlainDate(value, toJSON)) pending?.flush(this);
    this.work += TO_JSON_UNITS;
    try {
      return toJSON.call(value, String(key));
    } catch (cause) {
      throw this.error('toJSON threw', cause);
    }
  }

  /** What native code would be charged for `value`; negative when it must not have it. */
  nativeCost(value: object): number {
    const cost = this.#costOf(value);
    if (cost < 0) this.work -= cost;
    return cost;
  }

  /** The same for what a `toJSON` has returned. That is not asked for its own `toJSON`, but native code would ask. */
  resultCost(value: object): number {
    return types.isProxy(value) || typeof toJSONOf(value) === 'function' ? -1 : this.nativeCost(value);
  }

  /** Writes a value that `resolve` has seen and that JSON does not leave out; true when a frame was pushed. */
  write(value: unknown, original: unknown): boolean {
    if (typeof value === 'string') return this.string(value);
    if (typeof value === 'object' && value !== null) return this.#writeObject(value, original);
    if (typeof value === 'bigint') throw this.bigIntError();
    this.work += 16;
    this.output.text(typeof value === 'number' ? numberText(value) : String(value));
    return false;
  }

  /** Writes a string; true when it is so long that a frame was pushed. */
  string(text: string): boolean {
    if (text.length <= this.limits.stringUnits) {
      this.output.text(quote(text));
      this.work += text.length;
      return false;
    }
    this.output.text('"');
    this.#frames.push(new StringFrame(text));
    return true;
  }

  /** Opens an object or array that native code must not have: mostly this pushes a frame. */
  open(value: object, original: unknown): boolean {
    this.work += 64;
    if (Array.isArray(value)) return this.#push(value, '[', new ArrayFrame(value));
    if (types.isBoxedPrimitive(value)) {
      const primitive = unbox(value);
      if (primitive !== value) return this.write(primitive, value);
    }
    if (value === original) {
      if (isStreamed(value)) return this.#openStreamed(value);
      if (types.isUint8Array(value) && isPlainBuffer(value, toJSONOf(value))) return this.#pushBytes(value);
    }
    const lost = this.#refuseLossy ? lossyKind(value) : undefined;
    if (lost !== undefined) {
      const reason = `${/^[AE]/.test(lost) ? 'an' : 'a'} ${lost} has no JSON form`;
      throw new UnserializableMessageError({ reason, path: this.#path(), isLossy: true });
    }
    if (isRawJSON(value)) {
      this.#frames.push(new RawTextFrame(value.rawJSON));
      return true;
    }
    return isMembers(value) && this.#push(value, '{', new ObjectFrame(value));
  }

  /** Ends the top frame. */
  pop(tail: string): void {
    this.#frames.pop();
    this.output.text(tail);
  }

  /** Ends the top frame, of an object or array. */
  popContainer(tail: string): void {
    this.#ancestors.pop();
    this.pop(tail);
  }

  /** An error that says where in the value the walker is. */
  error(reason: string, cause?: unknown): UnserializableMessageError {
    return new UnserializableMessageError({ reason, path: this.#path(), cause });
  }

  bigIntError(): UnserializableMessageError {
    return this.error('a BigInt has no JSON form');
  }

  #costOf(value: object): number {
    try {
      return this.#estimator.cost(value);
    } catch {
      // A getter threw. Opened, the object shows where; native code would not.
      return -1;
    }
  }

  #writeObject(value: object, original: unknown): boolean {
    const cost = value === original ? this.nativeCost(value) : this.resultCost(value);
    if (cost < 0) return this.open(value, original);
    // Nothing, where a getter gives native code another `toJSON` than it gave the estimator.
    this.output.text(JSON.stringify(value) ?? 'null');
    this.work += cost + 32;
    return false;
  }

  #openStreamed(marker: StreamedArray | StreamedObject): boolean {
    if (this.#refuseSources) throw this.error('its source can be read only once');
    if (marker instanceof StreamedArray) return this.#push(marker, '[', new StreamedArrayFrame(marker));
    return this.#push(marker, '{', new StreamedObjectFrame(marker));
  }

  #push(container: object, head: string, frame: WalkFrame): boolean {
    if (this.#ancestors.has(container)) throw this.error('it contains itself: a cycle');
    this.#ancestors.push(container);
    this.output.text(head);
    this.#frames.push(frame);
    return true;
  }

  #pushBytes(bytes: Uint8Array): boolean {
    this.output.text('{"type":"Buffer","data":[');
    this.#frames.push(new BytesFrame(bytes));
    return true;
  }

  #path(): string {
    const segments = this.#frames.map((frame) => frame.pathSegment()).filter((segment) => segment !== '');
    // Of a chain of 100,000 levels, the beginning and the end.
    if (segments.length > 64) segments.splice(32, segments.length - 64, '...');
    return `$${segments.join('')}`;
  }
}

/** As JSON.stringify unwraps them, by their own conversions. A Symbol object is an ordinary object. */
function unbox(value: object): unknown {
  if (types.isNumberObject(value)) return Number(value);
  if (types.isStringObject(value)) return String(value);
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value);
  if (types.isBigIntObject(value)) return BigInt.prototype.valueOf.call(value);
  return value;
}
