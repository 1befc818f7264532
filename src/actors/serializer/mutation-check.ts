import type { Body } from '../../api/body.ts';
import { MessageChangedError } from '../../infra/errors.ts';
import { encodeSync, type SegmentPool } from '../../infra/serialization/slicer/slicer.ts';

/** Bytes of the message shown on each side of the first difference. */
const SHOWN_BYTES = 32;

/** Frames of a stack that leads out of the hub to the application: V8 keeps the innermost ten, which are all the hub's own. */
const STACK_FRAMES = 30;

/**
 * Development mode: remembers a message as it is at the call, and compares it with the bytes that are sent. Blocks for as long as
 * serializing the message takes.
 */
export class MutationCheck {
  readonly #atTheCall: Body | undefined;
  readonly #call = callOfSend();

  constructor(message: unknown, pool: SegmentPool) {
    this.#atTheCall = encodeQuietly(message, pool);
  }

  /** The error to report if the sent bytes differ from those at the call. */
  compare(sent: Body): MessageChangedError | undefined {
    if (this.#atTheCall === undefined) return undefined;
    const [before, after] = [Buffer.concat(this.#atTheCall.chunks), Buffer.concat(sent.chunks)];
    if (before.equals(after)) return undefined;
    const byte = firstDifference(before, after);
    return new MessageChangedError({
      byte,
      before: excerpt(before, byte),
      after: excerpt(after, byte),
      cause: this.#call,
    });
  }

  /** Call it in the end, whether the message was sent or not. */
  dispose(): void {
    this.#atTheCall?.release();
  }
}

/** Undefined if the message cannot be serialized, which the job reports itself, or if a source can be read only once. */
function encodeQuietly(message: unknown, pool: SegmentPool): Body | undefined {
  try {
    return encodeSync(message, { pool, maxBytes: Infinity, refuseSources: true }).body;
  } catch {
    return undefined;
  }
}

function firstDifference(one: Buffer, other: Buffer): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}

function excerpt(json: Buffer, byte: number): string {
  return json.subarray(Math.max(0, byte - SHOWN_BYTES), byte + SHOWN_BYTES).toString();
}

/** Its stack leads to the call of `send`. */
function callOfSend(): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Math.max(STACK_FRAMES, stackTraceLimit);
  try {
    return new Error('it was sent here');
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
