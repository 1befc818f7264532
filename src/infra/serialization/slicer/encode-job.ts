import type { Body } from '../../../api/body.ts';
import { MessageTooLargeError, UnserializableMessageError } from '../../errors.ts';
import { keptShapes } from './kept-shapes.ts';
import type { Output } from './output.ts';
import type { SliceTask, TaskState } from './encode-queue.ts';
import type { Walker } from './walker.ts';

/** The statistics of one serialization. */
export interface EncodeStats {
  /** Bytes of JSON. */
  readonly bytes: number;
  /** Pieces of work, the first one inside the call included. */
  readonly slices: number;
  readonly longestSliceMs: number;
  /** Time between the call and the end in which the job could have run, but others did. */
  readonly queueWaitMs: number;
}

export interface EncodeResult {
  /** Undefined exactly where `JSON.stringify` returns undefined. The receiver releases it. */
  readonly body: Body | undefined;
  readonly stats: EncodeStats;
}

export type EncodeOutcome =
  { readonly ok: true; readonly result: EncodeResult } | { readonly ok: false; readonly error: unknown };

export interface EncodeJobOptions {
  readonly value: unknown;
  readonly output: Output;
  readonly walker: Walker;
  readonly now: () => number;
  /** A source that made the job wait has answered: the job can go on. */
  readonly onReady: () => void;
  /** Called once, as soon as there is an outcome. */
  readonly onSettled: () => void;
}

/** One message on its way to bytes: runs the walker in slices and cleans up, however it ends. */
export class EncodeJob implements SliceTask {
  /** Where the instances are kept that keep compiled code alive. */
  static readonly keptShapes = keptShapes;
  readonly #options: EncodeJobOptions;
  readonly #createdAt: number;
  /** Holds the value until the first slice. */
  #root: { readonly value: unknown } | undefined;
  #isRunning = false;
  #outcome: EncodeOutcome | undefined;
  #promise: PromiseWithResolvers<EncodeResult> | undefined;
  #cancelled: { readonly reason: unknown } | undefined;
  #slices = 0;
  #longestSliceMs = 0;
  #servedMs = 0;
  #suspendedMs = 0;

  constructor(options: EncodeJobOptions) {
    this.#options = options;
    this.#root = { value: options.value };
    this.#createdAt = options.now();
  }

  /** The outcome; undefined while it is in progress. */
  get outcome(): EncodeOutcome | undefined {
    return this.#outcome;
  }

  /** A promise for the outcome; to be asked for before there is one. */
  whenSettled(): Promise<EncodeResult> {
    this.#promise ??= Promise.withResolvers<EncodeResult>();
    return this.#promise.promise;
  }

  run(deadlineMs: number): TaskState {
    if (this.#outcome !== undefined) return 'finished';
    const start = this.#options.now();
    this.#isRunning = true;
    const state = this.#advance(deadlineMs);
    this.#isRunning = false;
    const sliceMs = this.#options.now() - start;
    this.#slices++;
    this.#servedMs += sliceMs;
    this.#longestSliceMs = Math.max(this.#longestSliceMs, sliceMs);
    // The value's own code, a getter say, may have cancelled the job that called it.
    if (this.#cancelled !== undefined) {
      if (state.kind === 'finished') state.body?.release();
      this.#fail(this.#cancelled.reason);
    } else if (state.kind === 'failed') this.#fail(state.error);
    else if (state.kind === 'suspended') void this.#wait(state.awaited);
    else if (state.kind === 'finished') this.#succeed(state.body);
    if (this.#outcome !== undefined) return 'finished';
    return state.kind === 'suspended' ? 'suspended' : 'unfinished';
  }

  /** Ends the job with `reason` as its error, unless it has ended already. */
  cancel(reason: unknown): void {
    if (this.#outcome !== undefined || this.#cancelled !== undefined) return;
    this.#cancelled = { reason };
    if (!this.#isRunning) this.#fail(reason);
  }

  #advance(deadlineMs: number): Advance {
    const { walker, output } = this.#options;
    try {
      if (this.#root !== undefined) {
        const root = this.#root.value;
        this.#root = undefined;
        if (!walker.start(root)) {
          output.discard();
          return { kind: 'finished', body: undefined };
        }
      }
      if (walker.run(deadlineMs) === 'finished') return { kind: 'finished', body: output.finish() };
      const awaited = walker.takeAwaited();
      return awaited === undefined ? { kind: 'unfinished' } : { kind: 'suspended', awaited };
    } catch (error) {
      const isOurs = error instanceof UnserializableMessageError || error instanceof MessageTooLargeError;
      return { kind: 'failed', error: isOurs ? error : walker.error('reading it threw', error) };
    }
  }

  async #wait(awaited: Promise<void>): Promise<void> {
    const start = this.#options.now();
    await awaited;
    this.#suspendedMs += this.#options.now() - start;
    if (this.#outcome === undefined) this.#options.onReady();
  }

  #succeed(body: Body | undefined): void {
    const elapsedMs = this.#options.now() - this.#createdAt;
    const stats = {
      bytes: body?.bytes ?? 0,
      slices: this.#slices,
      longestSliceMs: this.#longestSliceMs,
      queueWaitMs: this.#slices === 1 ? 0 : Math.max(0, elapsedMs - this.#servedMs - this.#suspendedMs),
    };
    this.#settle({ ok: true, result: { body, stats } });
    this.#promise?.resolve({ body, stats });
  }

  #fail(error: unknown): void {
    this.#root = undefined;
    this.#options.walker.abandon();
    this.#options.output.discard();
    this.#settle({ ok: false, error });
    this.#promise?.reject(error);
  }

  #settle(outcome: EncodeOutcome): void {
    this.#outcome = outcome;
    this.#options.onSettled();
  }
}

type Advance =
  | { readonly kind: 'finished'; readonly body: Body | undefined }
  | { readonly kind: 'unfinished' }
  | { readonly kind: 'suspended'; readonly awaited: Promise<void> }
  | { readonly kind: 'failed'; readonly error: unknown };
