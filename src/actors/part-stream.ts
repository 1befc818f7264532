import type { Entry } from '../infra/entry.ts';
import type { Parts } from '../infra/parts.ts';

/** A client takes big messages in parts. */
export interface PartsWish {
  /** What it has of one already: the parts before `next`, where there are `of` in all. */
  readonly unfinished: UnfinishedMessage | undefined;
}

interface UnfinishedMessage {
  readonly offset: number;
  readonly id: string;
  readonly next: number;
  readonly of: number;
}

/** A big entry on its way to one client: a cursor within it, which keeps its body alive until `end`. */
export class PartStream {
  readonly entry: Entry;
  readonly #parts: Parts;
  #next: number;

  /** @param wish what the client has of it is not sent again, if it was cut in the same way */
  constructor(entry: Entry, { unfinished }: PartsWish) {
    this.entry = entry;
    this.#parts = entry.parts;
    this.#parts.enter();
    const { offset, id, next = 0, of } = unfinished ?? {};
    const isKnown = offset === entry.offset && id === entry.id && of === this.#parts.count && next < of;
    this.#next = isKnown ? next : 0;
  }

  get isDone(): boolean {
    return this.#next === this.#parts.count;
  }

  /** The frame of the next part. */
  take(): Uint8Array {
    return this.#parts.frame(this.#next++);
  }

  end(): void {
    this.#parts.leave();
  }
}
