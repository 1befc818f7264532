import { setImmediate as nextTurn } from 'node:timers/promises';
import { asError, InvalidOptionError, StreamAbortedError, StreamEndedError } from '../../infra/errors.ts';
import type { StreamServices } from './stream-services.ts';
import { isAllowed } from '../../infra/option-checks.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import { guarded } from '../support/emitter.ts';
import type { StreamSettings } from './resolve-stream-options.ts';
import type { StreamRegistry } from './stream-registry.ts';
import { StreamState, type StreamPublisher } from './stream-state.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { Receipt } from '../../api/receipt.ts';
import type { Canceller, ChunkStream } from '../../api/stream.ts';
import { ABORTED } from './source-parts.ts';
import { ChunkIntake } from './chunk-intake.ts';

/** Pieces of a source after which the event loop has a turn. */
const PIECES_PER_TURN = 64;

/** A stream of text or chunks, as its publisher uses it. */
export class StreamHandle implements ChunkStream, StreamPublisher {
  readonly #settings: StreamSettings;
  readonly #services: StreamServices;
  readonly #stream: StreamState;
  readonly #intake: ChunkIntake;
  readonly #controller = new AbortController();
  /** The streams of the thread; a promise while the thread is being opened. */
  #home: MaybePromise<StreamRegistry>;
  #finishing: Promise<Receipt> | undefined;
  /** The final message is on its way, or in the log. */
  #isEnding = false;
  #isHeld = false;
  #isOver = false;
  /** The thread was erased: the text must not come back. */
  #isErased = false;
  #failure: Error | undefined;

  /** @throws StreamExistsError, TooManyStreamsError, ThreadClosedError if the thread is already open */
  constructor(
    threadId: string,
    settings: StreamSettings,
    services: StreamServices,
    opening: MaybePromise<StreamRegistry>,
  ) {
    this.#settings = settings;
    this.#services = services;
    this.#stream = new StreamState(threadId, { ...settings, publisher: this }, services.now());
    this.#intake = new ChunkIntake(this.#stream.content, settings.id, services, () => this.#written());
    const begin = (streams: StreamRegistry): StreamRegistry => {
      streams.begin(this.#stream);
      this.#home = streams;
      return streams;
    };
    this.#home = opening instanceof Promise ? opening.then(begin) : begin(opening);
    if (this.#home instanceof Promise) this.#home.catch((error: unknown) => this.#fail(error));
  }

  get id(): string {
    return this.#settings.id;
  }

  get length(): number {
    return this.#intake.length;
  }

  get folds(): number {
    return this.#stream.content.folds;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  write(piece: unknown): MaybePromise<void> {
    this.#assertOpen();
    const written = this.#intake.write(piece);
    this.#written();
    return written;
  }

  /** Something is in the stream. */
  #written(): void {
    this.keepAlive();
    if (!(this.#home instanceof Promise)) this.#home.appended(this.#stream);
  }

  append(text: string): void {
    void this.write(text);
  }

  keepAlive(): void {
    this.#stream.heardAt = this.#services.now();
  }

  /** @throws StreamEndedError, or the error that prevented opening the thread */
  #assertOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isOver || this.#isEnding) throw new StreamEndedError({ streamId: this.id });
  }

  end(fields: Readonly<Record<string, unknown>> = {}): Promise<Receipt> {
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
      throw new InvalidOptionError({ option: 'fields', value: fields, expected: 'an object' });
    }
    return this.#finish(fields);
  }

  abort(reason = 'aborted'): Promise<Receipt> {
    if (typeof reason !== 'string')
      throw new InvalidOptionError({ option: 'reason', value: reason, expected: 'a text' });
    const isFirst = this.#finishing === undefined;
    const finished = this.#finish({}, reason);
    if (isFirst) this.#signal(reason);
    return finished;
  }

  async pipe(source: AsyncIterable<unknown>, fields?: Readonly<Record<string, unknown>>): Promise<Receipt> {
    const { form } = this.#stream.content;
    let iterator: AsyncIterator<unknown> | undefined;
    try {
      iterator = iteratorOf(source);
      for (let count = 1; ; count++) {
        const step = await this.#next(iterator);
        if (step?.done === true) return await this.end(fields);
        if (step === undefined) break;
        const piece = form.readSource(step.value);
        if (piece === ABORTED) {
          stop(iterator);
          return await this.abort();
        }
        // also without text: it shows that the source is alive
        const written = this.write(piece);
        if (written instanceof Promise) await written;
        // a source that always has more must not hold the event loop
        if (count % PIECES_PER_TURN === 0) await nextTurn();
      }
    } catch (error) {
      stop(iterator);
      await this.abort('failed').catch(() => {});
      throw error;
    }
    stop(iterator);
    return this.abort('cancelled');
  }

  // --- Publisher

  get isHeld(): boolean {
    return this.#isHeld;
  }

  async cancel(by: Canceller): Promise<boolean> {
    const answer: unknown = await withDeadline('mayCancel', this.#settings.mayCancel(by), this.#services);
    if (!isAllowed('mayCancel()', answer, this.#services.report)) return false;
    this.#signal('cancelled', by.userId);
    return true;
  }

  onOver(reason: string): void {
    this.#isOver = true;
    this.#isErased = reason === 'deleted';
    this.#isHeld = false;
    this.#intake.close(this.#failure ?? new StreamEndedError({ streamId: this.id }));
    if (!this.#isEnding) this.#signal(reason);
  }

  /** The next piece of text, or undefined if the signal comes first. */
  #next(iterator: AsyncIterator<unknown>): Promise<IteratorResult<unknown> | undefined> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        resolve(undefined);
        return;
      }
      const stop = (): void => resolve(undefined);
      signal.addEventListener('abort', stop, { once: true });
      iterator
        .next()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', stop));
    });
  }

  #finish(fields: Readonly<Record<string, unknown>>, aborted?: string): Promise<Receipt> {
    if (this.#finishing !== undefined) return this.#finishing;
    if (this.#isErased) return Promise.reject(new StreamEndedError({ streamId: this.id }));
    // set first: in this process, the entry ends the stream while its message is still being logged
    this.#isEnding = true;
    const finishing = this.#logEnd(fields, aborted);
    this.#finishing = finishing;
    finishing.catch(() => {
      this.#finishing = undefined;
      this.#isEnding = false;
    });
    return finishing;
  }

  /** Async: what a codec throws rejects the end. */
  async #logEnd(fields: Readonly<Record<string, unknown>>, aborted: string | undefined): Promise<Receipt> {
    this.#isHeld = true;
    const home = this.#home instanceof Promise ? await this.#home : this.#home;
    if (this.#intake.isWaiting) await this.#intake.empty();
    // those who follow chunk by chunk need the last ones before the end
    if (!this.#stream.content.form.isWholeInEnd) home.hasten(this.#stream);
    if (this.#stream.feed?.at !== undefined) await this.#stream.feed.idle();
    this.#isHeld = false;
    return home.finish(this.#stream, this.#stream.content.final(fields, aborted));
  }

  #signal(reason: string, userId?: string): void {
    this.#controller.abort(this.#failure ?? new StreamAbortedError({ streamId: this.id, reason, userId }));
  }

  #fail(error: unknown): void {
    this.#failure = asError(error);
    this.onOver('failed');
  }
}

/** @throws InvalidOptionError for an array of texts, or for a model's result instead of its stream */
function iteratorOf(source: AsyncIterable<unknown>): AsyncIterator<unknown> {
  const made: unknown = Reflect.get(Object(source), Symbol.asyncIterator);
  if (typeof made === 'function') return source[Symbol.asyncIterator]();
  throw new InvalidOptionError({ option: 'source', value: source, expected: 'an async iterable' });
}

/** Stops the iterator without waiting: it may itself be waiting for its source. */
function stop(iterator: AsyncIterator<unknown> | undefined): void {
  guarded(
    () => iterator?.return?.(),
    () => {},
  );
}
