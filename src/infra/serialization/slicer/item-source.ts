import type { WalkContext } from './walk-context.ts';

/** What a source gave. */
export type Item = { readonly isEnd: true } | { readonly isEnd: false; readonly value: unknown };

const END: Item = { isEnd: true };

/** Pulls the items of a streamed value, one at a time. */
export interface ItemSource {
  /** The next item; undefined when it is not here yet and the walker has been told to wait. */
  pull(walk: WalkContext): Item | undefined;
  /** No more will be pulled, although the source has not ended. */
  close(): void;
}

/** A sync or async iterable as a source. An object that is both is read as async. */
export function itemSource(iterable: Iterable<unknown> | AsyncIterable<unknown>, walk: WalkContext): ItemSource {
  try {
    if (Symbol.asyncIterator in iterable) return new AsyncItemSource(iterable[Symbol.asyncIterator]());
    return new SyncItemSource(iterable[Symbol.iterator]());
  } catch (cause) {
    throw walk.error('the source of a streamed value cannot be iterated', cause);
  }
}

class SyncItemSource implements ItemSource {
  readonly #iterator: Iterator<unknown>;
  #isOver = false;

  constructor(iterator: Iterator<unknown>) {
    this.#iterator = iterator;
  }

  pull(walk: WalkContext): Item {
    try {
      const result = this.#iterator.next();
      if (result.done !== true) return { isEnd: false, value: result.value };
    } catch (cause) {
      this.#isOver = true;
      throw sourceError(walk, cause);
    }
    this.#isOver = true;
    return END;
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      this.#iterator.return?.();
    } catch {
      // The job has failed already, for a reason that matters more.
    }
  }
}

class AsyncItemSource implements ItemSource {
  readonly #iterator: AsyncIterator<unknown>;
  #arrived: Item | undefined;
  #failure: { readonly cause: unknown } | undefined;
  #isOver = false;

  constructor(iterator: AsyncIterator<unknown>) {
    this.#iterator = iterator;
  }

  pull(walk: WalkContext): Item | undefined {
    const arrived = this.#arrived;
    this.#arrived = undefined;
    if (arrived !== undefined) return arrived;
    if (this.#failure !== undefined) throw sourceError(walk, this.#failure.cause);
    walk.suspendUntil(this.#fetch());
    return undefined;
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#closeQuietly().catch(() => {});
  }

  async #fetch(): Promise<void> {
    try {
      const result = await this.#iterator.next();
      if (result.done === true) this.#isOver = true;
      this.#arrived = result.done === true ? END : { isEnd: false, value: result.value };
    } catch (cause) {
      this.#isOver = true;
      this.#failure = { cause };
    }
  }

  async #closeQuietly(): Promise<void> {
    await this.#iterator.return?.();
  }
}

function sourceError(walk: WalkContext, cause: unknown): Error {
  return walk.error('the source of a streamed value threw', cause);
}
