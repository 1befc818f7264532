import { inspect, types } from 'node:util';
import { WalkFrame } from './frame.ts';
import { memberPath } from './json-text.ts';
import { MemberWriter } from './member-writer.ts';
import type { Members } from './values.ts';
import type { WalkContext } from './walk-context.ts';

/** Up to here it is cheaper to ask a typed array for its keys than to find out that there are no others than indices. */
const TYPED_ARRAY_KEYS = 4096;

/** A big object. Its keys are taken once, as JSON.stringify does; properties that vanish meanwhile are left out. */
export class ObjectFrame extends WalkFrame {
  readonly #object: Members;
  readonly #members = new MemberWriter();
  /** Undefined for a long typed array: the keys are the indices, made one by one. */
  readonly #keys: readonly string[] | undefined;
  readonly #length: number;
  /** The property in progress; it stays there while a child is written. */
  #at = -1;

  constructor(object: Members) {
    super();
    this.#object = object;
    if (types.isTypedArray(object) && object.length > TYPED_ARRAY_KEYS && hasIndicesOnly(object)) {
      this.#keys = undefined;
      this.#length = object.length;
    } else {
      this.#keys = Object.keys(object);
      this.#length = this.#keys.length;
    }
  }

  override step(walk: WalkContext): void {
    if (this.#members.resume(walk)) return;
    while (++this.#at < this.#length) {
      const key = this.#key();
      if (this.#members.add(walk, key, this.#object[key]) || walk.isDue) return;
    }
    walk.popContainer('}');
  }

  override pathSegment(): string {
    return memberPath(this.#key());
  }

  #key(): string {
    return this.#keys?.[this.#at] ?? String(this.#at);
  }
}

const elementsOnly = /^\w+(?:\(\d+\))? \[ *\.\.\. \d+ more items? *\]$/;

/**
 * True when a typed array has no properties besides its elements. Asking for its keys would make a string for each of a
 * million elements; `inspect` can tell without, since it lists other properties after the elements that it leaves out.
 * Whatever it prints instead of the expected text makes this false, and the keys are asked for after all.
 */
function hasIndicesOnly(array: NodeJS.TypedArray): boolean {
  const shown = inspect(array, {
    depth: 0,
    maxArrayLength: 0,
    customInspect: false,
    breakLength: Infinity,
    compact: true,
  });
  return elementsOnly.test(shown);
}
