import { quote } from './json-text.ts';
import { isLeftOut, isResolvable } from './values.ts';
import type { WalkContext } from './walk-context.ts';

/** Writes the properties of one object: `"key":value`, or nothing where JSON.stringify writes nothing. */
export class MemberWriter {
  #isFirst = true;
  /** The value whose key is being written in pieces. */
  #late: { readonly value: unknown; readonly original: unknown } | undefined;

  /** Adds a property; true when a frame was pushed, so that the caller has to return from its step. */
  add(walk: WalkContext, key: string, member: unknown): boolean {
    const value = isResolvable(member) ? walk.resolve(member, key) : member;
    if (isLeftOut(value)) {
      walk.work += 4;
      return false;
    }
    if (key.length > walk.limits.stringUnits) {
      if (!this.#isFirst) walk.output.text(',');
      this.#isFirst = false;
      this.#late = { value, original: member };
      return walk.string(key);
    }
    walk.output.text(this.#isFirst ? `${quote(key)}:` : `,${quote(key)}:`);
    this.#isFirst = false;
    walk.work += key.length + 16;
    return walk.write(value, member);
  }

  /** To be called first in every step: writes the value whose very long key is done. True as for `add`. */
  resume(walk: WalkContext): boolean {
    const late = this.#late;
    if (late === undefined) return false;
    this.#late = undefined;
    walk.output.text(':');
    return walk.write(late.value, late.original);
  }
}
