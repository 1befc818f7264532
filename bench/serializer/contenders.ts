import { Piscina } from 'piscina';
import { SliceScheduler } from '../../src/actors/support/slice-scheduler.ts';
import { systemClock } from '../../src/infra/time/clock.ts';
import {
  encodeSliced,
  isProvablySmall,
  SegmentPool,
  EncodeQueue,
} from '../../src/infra/serialization/slicer/slicer.ts';

const fail = (error: unknown): void => console.error(error);

/** Bytes of a message, and how to give their memory back. */
export interface Encoded {
  readonly bytes: number;
  release(): void;
}

/** A way to turn a value into bytes. */
export interface Contender {
  readonly name: string;
  /** The bytes, or a promise for them where they are not there at once. */
  encode(value: unknown): Encoded | Promise<Encoded>;
}

/** `JSON.stringify` where `send` is called, and its text as bytes, which is what a socket has to be given. */
export const inline: Contender = { name: 'inline', encode: encodeInline };

function encodeInline(value: unknown): Encoded {
  return { bytes: Buffer.from(JSON.stringify(value)).length, release: () => {} };
}

/** A worker pool as most write it: the object is cloned to a worker, which stringifies it. */
export class PlainPiscina implements Contender {
  readonly name = 'piscina';
  readonly #pool = new Piscina({ filename: new URL('stringify-worker.ts', import.meta.url).href, maxThreads: 2 });

  async encode(value: unknown): Promise<Encoded> {
    const bytes: unknown = await this.#pool.run(value);
    return { bytes: bytes instanceof Uint8Array ? bytes.length : 0, release: () => {} };
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

/** What the serializer does with a plain value: native code for small ones, slices for the rest. */
export class Threadcast implements Contender {
  readonly name = 'threadcast';
  readonly #queue = new EncodeQueue(new SliceScheduler(systemClock, 2, fail, () => {}));
  readonly #pool = new SegmentPool();

  encode(value: unknown): Encoded | Promise<Encoded> {
    if (isProvablySmall(value)) return encodeInline(value);
    const job = encodeSliced(value, {
      queue: this.#queue,
      pool: this.#pool,
      maxBytes: Infinity,
      isKnownBig: true,
    });
    return job.done ? toEncoded(job) : job.promise.then(toEncoded);
  }
}

function toEncoded({ body }: { body: { bytes: number; release(): void } | undefined }): Encoded {
  return { bytes: body?.bytes ?? 0, release: () => body?.release() };
}
