import { asError, MessageTooLargeError, StreamTooLongError } from '../../infra/errors.ts';
import { HeardPromise } from '../support/heard-promise.ts';
import type { MaybePromise } from '../../api/message.ts';
import { BigJson } from './big-json.ts';
import { SMALL_BYTES } from './chunk-form.ts';
import type { StreamContent } from './stream-content.ts';
import type { ContentLimits } from './stream-form.ts';
import type { StreamServices } from './stream-services.ts';

/** Small chunks that have waited, between two turns of the event loop. */
const CHUNKS_PER_TURN = 1_024;

/** A chunk behind a big one, or a big one. */
interface Waiting {
  readonly chunk: unknown;
  /** As the codec counts them; undefined for a big one. */
  readonly bytes: number | undefined;
  /** Of a big one: it has been written, or refused. */
  readonly settle?: { readonly resolve: () => void; readonly reject: (error: unknown) => void };
  next?: Waiting;
}

/**
 * Takes what a publisher writes. A small chunk is in the stream at once. A big one is serialized in slices first, one at a time, and those
 * that are written meanwhile come after it.
 */
export class ChunkIntake {
  readonly #content: StreamContent;
  readonly #limits: ContentLimits;
  readonly #streamId: string;
  readonly #services: StreamServices;
  readonly #onWritten: () => void;
  /** Those that wait are a list: a million of them may. */
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  #count = 0;
  /** Bytes of the small ones that wait. */
  #reserved = 0;
  #closed: Error | undefined;
  readonly #whenEmpty: (() => void)[] = [];

  /** @param onWritten chunks that had to wait are in the stream */
  constructor(content: StreamContent, streamId: string, services: StreamServices, onWritten: () => void) {
    this.#content = content;
    this.#limits = content.form.limitsOf(services.settings.streams);
    this.#streamId = streamId;
    this.#services = services;
    this.#onWritten = onWritten;
  }

  /** Chunks of the stream, and those that wait. */
  get length(): number {
    return this.#content.length + this.#count;
  }

  get isWaiting(): boolean {
    return this.#first !== undefined;
  }

  /**
   * A promise for a big chunk, which takes more than a slice.
   * @throws StreamTooLongError, UnserializableMessageError, or what the codec throws; the promise rejects with the same
   */
  write(chunk: unknown): MaybePromise<void> {
    const { maxChunks } = this.#limits;
    if (this.length >= maxChunks) throw this.#tooLong(this.length + 1, maxChunks, 'chunks');
    if (this.#content.form.isSmall(chunk)) return this.#takeSmall(chunk);
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
    for (let each = this.#first; each !== undefined; each = each.next) each.settle?.reject(error);
    this.#first = this.#last = undefined;
    this.#count = this.#reserved = 0;
    this.#tellEmpty();
  }

  #takeSmall(chunk: unknown): void {
    const bytes = this.#content.sizeOf(chunk);
    this.#assertFits(bytes);
    if (!this.isWaiting) return this.#content.write(chunk, bytes);
    this.#push({ chunk, bytes });
    this.#reserved += bytes;
    return undefined;
  }

  #wait(chunk: unknown, encoding: Promise<BigJson> | undefined): Promise<void> {
    // a caller that does not wait for it learns of a refusal by an event
    const written = new HeardPromise<void>((resolve, reject) => {
      this.#push({ chunk, bytes: undefined, settle: { resolve, reject } });
    });
    written.ifUnheard((error) => {
      if (error !== this.#closed) this.#services.report(error);
    });
    if (encoding !== undefined) void this.#drain(encoding);
    return written;
  }

  #push(waiting: Waiting): void {
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.next = waiting;
    this.#last = waiting;
    this.#count++;
  }

  #shift({ bytes = 0, next }: Waiting): void {
    this.#first = next;
    if (next === undefined) this.#last = undefined;
    this.#count--;
    this.#reserved -= bytes;
  }

  /** Writes what waits, in order. Never rejects. */
  async #drain(first: Promise<BigJson>): Promise<void> {
    let encoding: Promise<BigJson> | undefined = first;
    let small = 0;
    for (let next = this.#first; next !== undefined; next = this.#first) {
      const { chunk, bytes, settle } = next;
      try {
        const big: BigJson | undefined = bytes === undefined ? await (encoding ?? this.#encode(chunk)) : undefined;
        encoding = undefined;
        // it was closed meanwhile
        if (this.#first !== next) return;
        this.#shift(next);
        if (big === undefined) this.#content.write(chunk, bytes ?? 0);
        else this.#put(chunk, big);
        settle?.resolve();
      } catch (error) {
        encoding = undefined;
        if (this.#first === next) this.#shift(next);
        if (settle === undefined) this.#services.report(error);
        else settle.reject(error);
      }
      // a publisher that always has one more is heard, and its viewers have what is there
      if (bytes === undefined) this.#tellWritten();
      else if (++small % CHUNKS_PER_TURN === 0 && this.isWaiting) await this.#nextTurn();
    }
    this.#tellWritten();
    this.#tellEmpty();
  }

  #tellWritten(): void {
    if (this.#closed === undefined) this.#onWritten();
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#services.clock.nextTurn(resolve));
  }

  /** @throws StreamTooLongError if small ones that were written meanwhile have taken its place */
  #put(chunk: unknown, big: BigJson): void {
    this.#assertFits(big.bytes);
    // it only looked big: a date, or what has a `toJSON`
    if (big.bytes > SMALL_BYTES) this.#content.write(chunk, big.bytes, big);
    else this.#content.write(chunk, this.#content.sizeOf(chunk));
  }

  #encode(chunk: unknown): MaybePromise<BigJson> {
    const { maxSize, unit } = this.#limits;
    const before = this.#content.size + this.#reserved;
    const explain = (error: unknown): Error =>
      error instanceof MessageTooLargeError ? this.#tooLong(before + error.bytes, maxSize, unit) : asError(error);
    const jsonOf = ({ chunks, bytes }: { readonly chunks: readonly Uint8Array[]; readonly bytes: number }): BigJson =>
      new BigJson(chunks, bytes);
    try {
      const encoded = this.#services.encodeChunk(chunk, Math.max(0, maxSize - before));
      if (!(encoded instanceof Promise)) return jsonOf(encoded);
      return encoded.then(jsonOf, (error: unknown) => Promise.reject(explain(error)));
    } catch (error) {
      throw explain(error);
    }
  }

  /** @throws StreamTooLongError if so much more does not fit */
  #assertFits(size: number): void {
    const { maxSize, unit } = this.#limits;
    const length = this.#content.size + this.#reserved + size;
    if (length > maxSize) throw this.#tooLong(length, maxSize, unit);
  }

  #tooLong(length: number, limit: number, unit: StreamTooLongError['unit']): StreamTooLongError {
    return new StreamTooLongError({ streamId: this.#streamId, length, limit, unit });
  }

  #tellEmpty(): void {
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
