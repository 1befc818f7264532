import { types } from 'node:util';
import { SharedBody } from '../../infra/log/shared-body.ts';
import { UnserializableMessageError } from '../../infra/errors.ts';
import { copyOf, roomFor } from '../../infra/wire/bytes-body.ts';
import type { EncodeQueue, SliceTask, TaskState } from '../../infra/serialization/slicer/encode-queue.ts';
import type { EncodeResult, UnfinishedJob } from '../../infra/serialization/slicer/slicer.ts';

/** Up to this size a message is copied in the call: that takes a millisecond. */
const COPIED_AT_ONCE_BYTES = 4 * 1024 * 1024;

/** Bytes between two looks at the time. */
const STEP_BYTES = 512 * 1024;

/**
 * True for a message that is sent as bytes.
 * @throws UnserializableMessageError for a buffer or view of another kind: its JSON says nothing of its bytes
 */
export function isByteMessage(message: unknown): message is Uint8Array {
  if (typeof message !== 'object' || message === null) return false;
  if (types.isUint8Array(message)) return true;
  if (!ArrayBuffer.isView(message) && !types.isAnyArrayBuffer(message)) return false;
  throw new UnserializableMessageError({ reason: 'bytes are sent as a Uint8Array, not as another view or a buffer' });
}

/** A copy of the message; of a big one that is no snapshot, a job that copies it in slices. */
export function copyBytes(message: Uint8Array, isSnapshot: boolean, queue: EncodeQueue): SharedBody | UnfinishedJob {
  if (isSnapshot || message.length <= COPIED_AT_ONCE_BYTES) return copyOf(message);
  const copy = new ByteCopy(message, queue);
  queue.start(copy);
  return { done: false, promise: copy.promise, cancel: (reason) => copy.cancel(reason) };
}

/** Copies a big message in slices. */
class ByteCopy implements SliceTask {
  readonly #message: Uint8Array;
  readonly #size: number;
  readonly #room: Uint8Array;
  readonly #queue: EncodeQueue;
  readonly #beganAt: number;
  readonly #settled = Promise.withResolvers<EncodeResult>();
  #copied = 0;
  #slices = 0;
  #servedMs = 0;
  #longestSliceMs = 0;
  #hasEnded = false;

  constructor(message: Uint8Array, queue: EncodeQueue) {
    this.#message = message;
    this.#size = message.length;
    this.#room = roomFor(message.length);
    this.#queue = queue;
    this.#beganAt = queue.now();
  }

  get promise(): Promise<EncodeResult> {
    return this.#settled.promise;
  }

  cancel(reason: unknown): void {
    this.#hasEnded = true;
    this.#queue.cancel(this);
    this.#settled.reject(reason);
  }

  run(deadlineMs: number): TaskState {
    if (this.#hasEnded) return 'finished';
    const start = this.#queue.now();
    do {
      // what is not copied of a buffer that was transferred or has shrunk is memory of others
      if (this.#message.length !== this.#size) {
        this.cancel(new UnserializableMessageError({ reason: 'its bytes were taken away while they were copied' }));
        return 'finished';
      }
      this.#room.set(this.#message.subarray(this.#copied, this.#copied + STEP_BYTES), this.#copied + 1);
      this.#copied += STEP_BYTES;
    } while (this.#copied < this.#size && this.#queue.now() < deadlineMs);
    const tookMs = this.#queue.now() - start;
    this.#slices++;
    this.#servedMs += tookMs;
    this.#longestSliceMs = Math.max(this.#longestSliceMs, tookMs);
    if (this.#copied < this.#size) return 'unfinished';
    this.#finish();
    return 'finished';
  }

  #finish(): void {
    this.#hasEnded = true;
    const queueWaitMs = Math.max(0, this.#queue.now() - this.#beganAt - this.#servedMs);
    const stats = { bytes: this.#size, slices: this.#slices, longestSliceMs: this.#longestSliceMs, queueWaitMs };
    this.#settled.resolve({ body: new SharedBody([this.#room]), stats });
  }
}
