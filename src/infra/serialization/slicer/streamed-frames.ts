import { ElementWriter } from './element-writer.ts';
import { WalkFrame } from './frame.ts';
import { itemSource, type ItemSource } from './item-source.ts';
import { memberPath } from './json-text.ts';
import { MemberWriter } from './member-writer.ts';
import type { StreamedArray, StreamedObject } from './streamed.ts';
import type { WalkContext } from './walk-context.ts';

/** What a pull is charged on top of its item: a call into a generator. */
const PULL_UNITS = 16;

/** A JSON array from a source. */
export class StreamedArrayFrame extends WalkFrame {
  readonly #marker: StreamedArray;
  readonly #elements = new ElementWriter();
  #source: ItemSource | undefined;
  #count = 0;
  /** The element in progress, or the one that is being pulled. */
  #at = 0;

  constructor(marker: StreamedArray) {
    super();
    this.#marker = marker;
  }

  override step(walk: WalkContext): void {
    this.#source ??= itemSource(this.#marker.source, walk);
    for (;;) {
      this.#at = this.#count;
      const item = this.#source.pull(walk);
      if (item === undefined || item.isEnd) {
        // Also before a wait: what was estimated in this slice has to be written in it.
        this.#elements.flush(walk);
        if (item !== undefined) walk.popContainer(']');
        return;
      }
      walk.work += PULL_UNITS;
      this.#count++;
      if (this.#elements.add(walk, item.value, this.#at)) return;
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
export class StreamedObjectFrame extends WalkFrame {
  readonly #marker: StreamedObject;
  readonly #members = new MemberWriter();
  #source: ItemSource | undefined;
  #key: string | undefined;

  constructor(marker: StreamedObject) {
    super();
    this.#marker = marker;
  }

  override step(walk: WalkContext): void {
    this.#source ??= itemSource(this.#marker.source, walk);
    if (this.#members.resume(walk)) return;
    do {
      this.#key = undefined;
      const item = this.#source.pull(walk);
      if (item === undefined) return;
      if (item.isEnd) {
        walk.popContainer('}');
        return;
      }
      walk.work += PULL_UNITS;
      const [key, value] = toEntry(item.value, walk);
      this.#key = key;
      if (this.#members.add(walk, key, value)) return;
    } while (!walk.isDue);
  }

  override pathSegment(): string {
    return this.#key === undefined ? '' : memberPath(this.#key);
  }

  override abandon(): void {
    this.#source?.close();
  }
}

function toEntry(item: unknown, walk: WalkContext): readonly [string, unknown] {
  if (Array.isArray(item)) {
    const [key, value]: readonly unknown[] = item;
    if (typeof key === 'string') return [key, value];
    if (typeof key === 'number') return [String(key), value];
  }
  throw walk.error('the source of a streamed object gave something other than [key, value]');
}
