import { asError, MessageTooLargeError, StreamTooLongError } from '../../infra/errors.ts';
import { isProvablySmall } from '../../infra/serialization/slicer/slicer.ts';
import type { MaybePromise } from '../../api/message.ts';
import { BigJson } from './big-json.ts';
import type { StreamChunks } from './stream-chunks.ts';
import type { StreamServices } from './stream-services.ts';

/** Bytes of JSON up to which a chunk is small: native code makes them in a tenth of a millisecond. */
const SMALL_BYTES = 64 * 1024;

/** A chunk behind a big one. */
interface Waiting {
  readonly chunk: unknown;
  /** As the codec counts them; undefined for a big one. */
  readonly bytes: number | undefined;
  /** Of a big one: it has been written, or refused. */
  readonly settle?: { readonly resolve: () => void; readonly reject: (error: unknown) => void };
}

/**
 * Takes what a publisher writes. A small chunk is in the stream at once. A big one is serialized in slices first, one at a time, and those
 * that are written meanwhile come after it.
 */
export class ChunkIntake {
  readonly #content: StreamChunks;
  readonly #streamId: string;
  readonly #services: StreamServices;
  readonly #onWritten: () => void;
  readonly #waiting: Waiting[] = [];
  /** Bytes of the small ones that wait. */
  #reserved = 0;
  #closed: Error | undefined;
  readonly #whenEmpty: (() => void)[] = [];

  /** @param onWritten chunks that had to wait are in the stream */
  constructor(content: StreamChunks, streamId: string, services: StreamServices, onWritten: () => void) {
    this.#content = content;
    this.#streamId = streamId;
    this.#services = services;
    this.#onWritten = onWritten;
  }

  /** Chunks of the stream, and those that wait. */
  get length(): number {
    return this.#content.length + this.#waiting.length;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * A promise for a big chunk, which takes more than a slice.
   * @throws StreamTooLongError, UnserializableMessageError, or what the codec throws; the promise rejects with the same
   */
  write(chunk: unknown): MaybePromise<void> {
    const { maxChunks } = this.#services.settings.streams;
    if (this.length >= maxChunks) throw this.#tooLong(this.length + 1, maxChunks, 'chunks');
    if (isProvablySmall(chunk, SMALL_BYTES)) return this.#takeSmall(chunk);
    const written = this.isWaiting ? undefined : this.#encode(chunk);
    if (written === undefined || written instanceof Promise) return this.#wait(chunk, written);
    return this.#put(chunk, written);
  }

  /** Resolves when nothing waits any more. */
  async empty(): Promise<void> {
    if (this.isWaiting) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** The stream is over: what waits is refused. */
  close(error: Error): void {
    this.#closed ??= error;
    this.#reserved = 0;
    for (const { settle } of this.#waiting.splice(0)) settle?.reject(error);
    this.#tellEmpty();
  }

  #takeSmall(chunk: unknown): void {
    const bytes = this.#content.sizeOf(chunk);
    const { maxBytes } = this.#services.settings.streams;
    const length = this.#content.bytes + this.#reserved + bytes;
    if (length > maxBytes) throw this.#tooLong(length, maxBytes, 'bytes');
    if (!this.isWaiting) return this.#content.write(chunk, bytes);
    this.#waiting.push({ chunk, bytes });
    this.#reserved += bytes;
    return undefined;
  }

  #wait(chunk: unknown, encoding: Promise<BigJson> | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // a caller that does not wait for it learns of a refusal by an event
    promise.catch((error: unknown) => {
      if (error !== this.#closed) this.#services.report(error);
    });
    this.#waiting.push({ chunk, bytes: undefined, settle: { resolve, reject } });
    if (encoding !== undefined) void this.#drain(encoding);
    return promise;
  }

  /** Writes what waits, in order. Never rejects. */
  async #drain(first: Promise<BigJson>): Promise<void> {
    let encoding: Promise<BigJson> | undefined = first;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { chunk, bytes, settle } = next;
      try {
        const big: BigJson | undefined = bytes === undefined ? await (encoding ?? this.#encode(chunk)) : undefined;
        encoding = undefined;
        // it was closed meanwhile
        if (this.#waiting[0] !== next) break;
        this.#waiting.shift();
        this.#reserved -= bytes ?? 0;
        if (big === undefined) this.#content.write(chunk, bytes ?? 0);
        else this.#put(chunk, big);
        settle?.resolve();
      } catch (error) {
        encoding = undefined;
        if (this.#waiting[0] === next) this.#waiting.shift();
        if (settle === undefined) this.#services.report(error);
        else settle.reject(error);
      }
    }
    this.#onWritten();
    this.#tellEmpty();
  }

  #put(chunk: unknown, big: BigJson): void {
    // it only looked big: a date, or what has a `toJSON`
    if (big.bytes > SMALL_BYTES) this.#content.write(chunk, big.bytes, big);
    else this.#content.write(chunk, this.#content.sizeOf(chunk));
  }

  #encode(chunk: unknown): MaybePromise<BigJson> {
    const { maxBytes } = this.#services.settings.streams;
    const before = this.#content.bytes + this.#reserved;
    const explain = (error: unknown): Error =>
      error instanceof MessageTooLargeError ? this.#tooLong(before + error.bytes, maxBytes, 'bytes') : asError(error);
    const jsonOf = ({ chunks, bytes }: { readonly chunks: readonly Uint8Array[]; readonly bytes: number }): BigJson =>
      new BigJson(chunks, bytes);
    try {
      const encoded = this.#services.encodeChunk(chunk, Math.max(0, maxBytes - before));
      if (!(encoded instanceof Promise)) return jsonOf(encoded);
      return encoded.then(jsonOf, (error: unknown) => Promise.reject(explain(error)));
    } catch (error) {
      throw explain(error);
    }
  }

  #tooLong(length: number, limit: number, unit: 'bytes' | 'chunks'): StreamTooLongError {
    return new StreamTooLongError({ streamId: this.#streamId, length, limit, unit });
  }

  #tellEmpty(): void {
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
