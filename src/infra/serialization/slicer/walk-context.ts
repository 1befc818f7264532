import type { UnserializableMessageError } from '../../errors.ts';
import type { SlicerLimits } from './limits.ts';
import type { Output } from './output.ts';
import type { Resolvable } from './values.ts';

/** Elements that a frame has collected and not written yet. */
export interface PendingElements {
  flush(walk: WalkContext): void;
}

/** What frames and writers may ask of the walk that they are part of. */
export interface WalkContext {
  readonly output: Output;
  readonly limits: SlicerLimits;
  /** Units of work since the last look at the clock. Frames and writers charge their work here. */
  work: number;
  /** True when enough work was done since the clock was last looked at. */
  readonly isDue: boolean;
  /** A frame waits: the walk steps it again once `promise` is settled. */
  suspendUntil(promise: Promise<void>): void;
  /**
   * The value that stands for this one: its `toJSON`, called once and with the real key, or else itself.
   *
   * @param pending elements that have to be written before user code runs, because it might change them
   */
  resolve(value: Resolvable, key: string | number, pending?: PendingElements): unknown;
  /** What native code would be charged for `value`; negative when it must not have it. */
  nativeCost(value: object): number;
  /** The same for what a `toJSON` has returned. That is not asked for its own `toJSON`, but native code would ask. */
  resultCost(value: object): number;
  /** Writes a value that `resolve` has seen and that JSON does not leave out; true when a frame was pushed. */
  write(value: unknown, original: unknown): boolean;
  /** Writes a string; true when it is so long that a frame was pushed. */
  string(text: string): boolean;
  /** Opens an object or array that native code must not have: mostly this pushes a frame. */
  open(value: object, original: unknown): boolean;
  /** Ends the top frame. */
  pop(tail: string): void;
  /** Ends the top frame, of an object or array. */
  popContainer(tail: string): void;
  /** An error that says where in the value the walk is. */
  error(reason: string, cause?: unknown): UnserializableMessageError;
  bigIntError(): UnserializableMessageError;
}
