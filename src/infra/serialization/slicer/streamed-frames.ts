import { ElementWriter } from './element-writer.ts';
import { Frame } from './frame.ts';
import { itemSource, type ItemSource } from './item-source.ts';
import { memberPath } from './json-text.ts';
import { MemberWriter } from './member-writer.ts';
import type { StreamedArray, StreamedObject } from './streamed.ts';
import type { Walker } from './walker.ts';

/** What a pull is charged on top of its item: a call into a generator. */
const PULL_UNITS = 16;

/** A JSON array from a source. */
export class StreamedArrayFrame extends Frame {
  readonly #marker: StreamedArray;
  readonly #elements = new ElementWriter();
  #source: ItemSource | undefined;
  #count = 0;
  /** The element under way, or the one that is being pulled. */
  #at = 0;

  constructor(marker: StreamedArray) {
    super();
    this.#marker = marker;
  }

  override step(walker: Walker): void {
    this.#source ??= itemSource(this.#marker.source, walker);
    for (;;) {
      this.#at = this.#count;
      const item = this.#source.pull(walker);
      if (item === undefined || item.isEnd) {
        // Also before a wait: what was estimated in this slice has to be written in it.
        this.#elements.flush(walker);
        if (item !== undefined) walker.popContainer(']');
        return;
      }
      walker.work += PULL_UNITS;
      this.#count++;
      if (this.#elements.add(walker, item.value, this.#at)) return;
    }
  }

  override pathSegment(): string {
    return `[${this.#at}]`;
  }

  override abandon(): void {
    this.#source?.close();
  }
}

/** A JSON object from a source of entries. */
export class StreamedObjectFrame extends Frame {
  readonly #marker: StreamedObject;
  readonly #members = new MemberWriter();
  #source: ItemSource | undefined;
  #key: string | undefined;

  constructor(marker: StreamedObject) {
    super();
    this.#marker = marker;
  }

  override step(walker: Walker): void {
    this.#source ??= itemSource(this.#marker.source, walker);
    if (this.#members.resume(walker)) return;
    do {
      this.#key = undefined;
      const item = this.#source.pull(walker);
      if (item === undefined) return;
      if (item.isEnd) {
        walker.popContainer('}');
        return;
      }
      walker.work += PULL_UNITS;
      const [key, value] = toEntry(item.value, walker);
      this.#key = key;
      if (this.#members.add(walker, key, value)) return;
    } while (!walker.isDue);
  }

  override pathSegment(): string {
    return this.#key === undefined ? '' : memberPath(this.#key);
  }

  override abandon(): void {
    this.#source?.close();
  }
}

function toEntry(item: unknown, walker: Walker): readonly [string, unknown] {
  if (Array.isArray(item)) {
    const [key, value]: readonly unknown[] = item;
    if (typeof key === 'string') return [key, value];
    if (typeof key === 'number') return [String(key), value];
  }
  throw walker.error('the source of a streamed object gave something other than [key, value]');
}
