import { ElementWriter } from './element-writer.ts';
import { WalkFrame } from './frame.ts';
import type { WalkContext } from './walk-context.ts';

/** A big array. Its length is taken once, as JSON.stringify does; elements that vanish meanwhile become `null`. */
export class ArrayFrame extends WalkFrame {
  readonly #array: readonly unknown[];
  readonly #length: number;
  readonly #elements = new ElementWriter();
  /** The element in progress; it stays there while a child is written. */
  #at = -1;

  constructor(array: readonly unknown[]) {
    super();
    this.#array = array;
    this.#length = array.length;
  }

  override step(walk: WalkContext): void {
    while (++this.#at < this.#length) {
      if (this.#elements.add(walk, this.#array[this.#at], this.#at)) return;
    }
    this.#elements.flush(walk);
    walk.popContainer(']');
  }

  override pathSegment(): string {
    return `[${this.#at}]`;
  }
}
