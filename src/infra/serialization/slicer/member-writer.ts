import { quote } from './json-text.ts';
import { isLeftOut, isResolvable } from './values.ts';
import type { Walker } from './walker.ts';

/** Writes the properties of one object: `"key":value`, or nothing where JSON.stringify writes nothing. */
export class MemberWriter {
  #isFirst = true;
  /** The value whose key is being written in pieces. */
  #late: { readonly value: unknown; readonly original: unknown } | undefined;

  /** Adds a property; true when a frame was pushed, so that the caller has to return from its step. */
  add(walker: Walker, key: string, member: unknown): boolean {
    const value = isResolvable(member) ? walker.resolve(member, key) : member;
    if (isLeftOut(value)) {
      walker.work += 4;
      return false;
    }
    if (key.length > walker.limits.stringUnits) {
      if (!this.#isFirst) walker.output.text(',');
      this.#isFirst = false;
      this.#late = { value, original: member };
      return walker.string(key);
    }
    walker.output.text(this.#isFirst ? `${quote(key)}:` : `,${quote(key)}:`);
    this.#isFirst = false;
    walker.work += key.length + 16;
    return walker.write(value, member);
  }

  /** To be called first in every step: writes the value whose very long key is done. True as for `add`. */
  resume(walker: Walker): boolean {
    const late = this.#late;
    if (late === undefined) return false;
    this.#late = undefined;
    walker.output.text(':');
    return walker.write(late.value, late.original);
  }
}
